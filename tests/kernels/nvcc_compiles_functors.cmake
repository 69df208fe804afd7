# cmake -DNVCC=... -DSOURCE_DIR=... -DOBJECT=... -P nvcc_compiles_functors.cmake
if(NOT NVCC OR NOT EXISTS "${NVCC}")
  message("skipped: no nvcc on this machine")
  return()
endif()
execute_process(
  COMMAND ${NVCC} -std=c++20 -arch=sm_80 -Werror all-warnings -I ${SOURCE_DIR}/src
    -c ${SOURCE_DIR}/tests/kernels/functors_compile.cu -o ${OBJECT}
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "nvcc cannot compile the functor headers:\n${output}")
endif()
message("compiled with ${NVCC}")
