# The CUDA backend: build/<preset>/weft_cuda.so, which the program opens at run time. It holds every
# src/weft/*/*_cuda.cpp and *_cuda.cu and nothing that the program links, so that one build runs on machines
# with and without CUDA. Included with WEFT_CUDA only (docs/adr/0009-cuda-backend.md).
find_program(WEFT_NVCC nvcc HINTS /usr/local/cuda/bin ENV CUDA_HOME PATH_SUFFIXES bin REQUIRED)
set(CMAKE_CUDA_COMPILER ${WEFT_NVCC})
# Machine code for A100, H100 and B200, and PTX that later devices compile.
set(CMAKE_CUDA_ARCHITECTURES 80-real 90a-real 100)
enable_language(CUDA)
# CMake 3.25 does not know that nvcc has C++20.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
set(CMAKE_CUDA_STANDARD 20)
find_package(CUDAToolkit 13 REQUIRED)
find_library(WEFT_CUDNN_LIBRARY cudnn REQUIRED HINTS ${CUDAToolkit_LIBRARY_DIR})

# No kernel may spill registers: ptxas says so and its warnings are errors.
set(WEFT_PTXAS_FLAGS -Xptxas --warn-on-spills,--warning-as-error)
list(JOIN WEFT_PTXAS_FLAGS " " ptxas_flags)
add_library(weft_cuda_flags INTERFACE)
target_include_directories(weft_cuda_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(weft_cuda_flags INTERFACE
  "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;--extended-lambda;SHELL:${ptxas_flags};SHELL:-Werror all-warnings>"
  "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Xcompiler -march=x86-64-v3,-Wall,-Wextra,-Wshadow>"
  "$<$<COMPILE_LANGUAGE:CXX>:-march=x86-64-v3;-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Werror>")
target_link_libraries(weft_cuda_flags INTERFACE fmt::fmt CUDA::cudart_static CUDA::cublasLt
  ${WEFT_CUDNN_LIBRARY})

file(GLOB WEFT_CUDA_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/weft/*/*_cuda.cpp
  ${PROJECT_SOURCE_DIR}/src/weft/*/*_cuda.cu)
# What those files use of the libraries, compiled once more as position-independent code.
add_library(weft_cuda_objects OBJECT ${WEFT_CUDA_SOURCES})
target_link_libraries(weft_cuda_objects PUBLIC weft_cuda_flags)
set_target_properties(weft_cuda_objects PROPERTIES POSITION_INDEPENDENT_CODE ON
  CXX_VISIBILITY_PRESET hidden CUDA_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
# CUDA's headers are not held to our warnings.
target_include_directories(weft_cuda_objects SYSTEM PUBLIC ${CUDAToolkit_INCLUDE_DIRS})
add_library(weft_cuda MODULE src/weft/base/error.cpp src/weft/tensor/tensor.cpp
  src/weft/kernels/attention_graph.cpp src/weft/kernels/attention_tensors.cpp
  src/weft/kernels/column_product.cpp src/weft/kernels/kept_plans.cpp
  src/weft/kernels/tensor_graph.cpp src/weft/kernels/tuned_product.cpp src/weft/device/stream.cpp src/weft/device/instruction_set.cpp
  src/weft/device/memory_resource.cpp)
target_link_libraries(weft_cuda PRIVATE weft_cuda_objects)
set_target_properties(weft_cuda PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden
  VISIBILITY_INLINES_HIDDEN ON LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
target_link_options(weft_cuda PRIVATE -Wl,--no-undefined -Wl,--exclude-libs,ALL)
