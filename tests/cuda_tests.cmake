# Included by tests/CMakeLists.txt with WEFT_CUDA: every *_cuda_test.cpp as one binary, which links the
# objects of the CUDA backend. Their ctest label is cuda; those that need a GPU skip without one.
file(GLOB sources CONFIGURE_DEPENDS */*_cuda_test.cpp)
add_executable(weft_cuda_tests ${sources} $<TARGET_OBJECTS:weft_cuda_objects>)
target_link_libraries(weft_cuda_tests PRIVATE weft_test_support weft_kernels weft_cuda_flags)
target_include_directories(weft_cuda_tests SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
target_compile_definitions(weft_cuda_tests PRIVATE WEFT_CUDA_BACKEND="$<TARGET_FILE:weft_cuda>")
weft_compile_as_test(weft_cuda_tests)
add_dependencies(weft_cuda_tests weft_cuda)
gtest_discover_tests(weft_cuda_tests DISCOVERY_MODE PRE_TEST PROPERTIES LABELS cuda TIMEOUT 300)

# The driver without devices of the tests that plan for described ones.
set(stub_source ${CMAKE_CURRENT_BINARY_DIR}/driver_stub.c)
set(driver ${CUDAToolkit_LIBRARY_DIR}/stubs/libcuda.so)
add_custom_command(OUTPUT ${stub_source}
  COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DDRIVER=${driver} -DOUTPUT=${stub_source}
    -P ${CMAKE_CURRENT_SOURCE_DIR}/kernels/driver_stub.cmake
  DEPENDS kernels/driver_stub.cmake ${driver} VERBATIM)
add_library(weft_driver_stub MODULE ${stub_source})
set_target_properties(weft_driver_stub PROPERTIES PREFIX "" OUTPUT_NAME driver_stub LINK_FLAGS
  -Wl,-soname,libcuda.so.1)
target_compile_definitions(weft_cuda_tests PRIVATE WEFT_DRIVER_STUB="$<TARGET_FILE:weft_driver_stub>")
add_dependencies(weft_cuda_tests weft_driver_stub)

# The flags of the build refuse a kernel that spills, and only because it does.
foreach(registers 24 255)
  add_test(NAME CudaBuild.SpillsWith${registers}Registers
    COMMAND ${WEFT_NVCC} ${WEFT_PTXAS_FLAGS} -arch=sm_80 -maxrregcount=${registers} -cubin
      ${CMAKE_CURRENT_SOURCE_DIR}/kernels/spills.cu -o ${CMAKE_CURRENT_BINARY_DIR}/spills_${registers}.cubin)
  set_tests_properties(CudaBuild.SpillsWith${registers}Registers PROPERTIES LABELS cuda TIMEOUT 60)
endforeach()
set_tests_properties(CudaBuild.SpillsWith24Registers PROPERTIES PASS_REGULAR_EXPRESSION
  "error *: .*[Ss]pill")
set(kernel_files ${WEFT_CUDA_SOURCES})
list(FILTER kernel_files INCLUDE REGEX "\\.cu$")
list(LENGTH kernel_files count)
target_compile_definitions(weft_cuda_tests PRIVATE WEFT_CUDA_KERNEL_FILES=${count})
