# Included by tests/CMakeLists.txt: a test that compiles the functor headers with nvcc, and that
# reports itself as skipped where there is none.
find_program(WEFT_NVCC nvcc HINTS /usr/local/cuda/bin ENV CUDA_HOME PATH_SUFFIXES bin)
add_test(NAME NvccCompilesFunctors
  COMMAND ${CMAKE_COMMAND} -DNVCC=${WEFT_NVCC} -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
    -DOBJECT=${CMAKE_CURRENT_BINARY_DIR}/functors_compile.o
    -P ${CMAKE_CURRENT_LIST_DIR}/nvcc_compiles_functors.cmake)
set_tests_properties(NvccCompilesFunctors PROPERTIES LABELS fast TIMEOUT 60
  SKIP_REGULAR_EXPRESSION "skipped: no nvcc")
