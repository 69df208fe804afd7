# External packages, and the two functions that declare a library and its tests.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(MPI REQUIRED COMPONENTS C)
# Without it mpi.h declares the C++ interface that MPI has dropped, and asks for its library.
target_compile_definitions(MPI::MPI_C INTERFACE OMPI_SKIP_MPICXX)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
# Debian's dnnl-config.cmake asks for OpenCL headers that the CPU engine does not need.
find_library(WEFT_DNNL_LIBRARY dnnl REQUIRED)
find_path(WEFT_DNNL_INCLUDE dnnl.hpp REQUIRED)
add_library(DNNL::dnnl SHARED IMPORTED)
set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${WEFT_DNNL_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${WEFT_DNNL_INCLUDE})
find_package(PkgConfig REQUIRED)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(libmd REQUIRED IMPORTED_TARGET libmd)

# weft_library(NAME DEPS ...): every source in src/weft/NAME as the static library weft_NAME, without
# those of the CUDA backend (*_cuda.cpp, cmake/cuda.cmake). The kernels' *_cpu.cpp are compiled once per instruction set (src/weft/kernels/isa.hpp).
function(weft_library name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/weft/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_cuda\\.cpp$")
  if(NOT sources)
    add_library(weft_${name} INTERFACE)
    target_link_libraries(weft_${name} INTERFACE weft_flags ${ARG_DEPS})
    return()
  endif()
  if(name STREQUAL kernels)
    set(loops ${sources})
    list(FILTER loops INCLUDE REGEX "_cpu\\.cpp$")
    add_library(weft_kernels_v4 OBJECT ${loops})
    # clang-tidy reads each file once.
    set_target_properties(weft_kernels_v4 PROPERTIES WEFT_V4 ON EXPORT_COMPILE_COMMANDS OFF)
    target_compile_options(weft_kernels_v4 PRIVATE ${WEFT_V4_FLAGS})
    target_compile_definitions(weft_kernels_v4 PRIVATE WEFT_ISA=v4)
    target_link_libraries(weft_kernels_v4 PUBLIC weft_flags ${ARG_DEPS})
    list(APPEND sources $<TARGET_OBJECTS:weft_kernels_v4>)
  endif()
  add_library(weft_${name} STATIC ${sources})
  target_link_libraries(weft_${name} PUBLIC weft_flags ${ARG_DEPS})
endfunction()

# weft_compile_as_test(TARGET): with the precompiled header of tests and the flags it was compiled with (g++ 12 crashes
# when -O differs). Tests are compiled more often than they run: -O1 takes a third less of the compiler's time.
function(weft_compile_as_test target)
  target_compile_options(${target} PRIVATE ${WEFT_TEST_FLAGS})
  target_precompile_headers(${target} REUSE_FROM weft_test_pch)
endfunction()

# weft_tests(NAME DEPS ...): every tests/NAME/*_test.cpp but *_cuda_test.cpp as one binary. Suites whose name contains
# Slow carry the ctest label "slow", the others "fast".
function(weft_tests name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_cuda_test\\.cpp$")
  if(NOT sources)
    return()
  endif()
  add_executable(weft_${name}_tests ${sources})
  target_link_libraries(weft_${name}_tests PRIVATE weft_test_support ${ARG_DEPS})
  # Those of kernels play GPU kernels beside ours, whose products and sums g++ joins from -O2 on.
  if(name STREQUAL "kernels")
    target_precompile_headers(weft_kernels_tests PRIVATE ${WEFT_TEST_HEADERS})
  else()
    weft_compile_as_test(weft_${name}_tests)
  endif()
  gtest_discover_tests(weft_${name}_tests DISCOVERY_MODE PRE_TEST TEST_FILTER "-*Slow*"
    PROPERTIES LABELS fast TIMEOUT 300)
  gtest_discover_tests(weft_${name}_tests DISCOVERY_MODE PRE_TEST TEST_FILTER "*Slow*"
    PROPERTIES LABELS slow TIMEOUT 900)
endfunction()
