# cmake -DNM=... -DDRIVER=.../stubs/libcuda.so -DOUTPUT=stub.c -P driver_stub.cmake
#
# Writes a library that has every function of the CUDA driver and no device: cuDNN resolves all of them
# before it plans for a described device. Each returns CUDA_ERROR_NOT_INITIALIZED, which cuDNN takes as "there is
# no device"; other codes end the planning.
execute_process(COMMAND ${NM} -D --defined-only ${DRIVER} OUTPUT_VARIABLE symbols RESULT_VARIABLE result)
string(REGEX MATCHALL " [TtWwi] cu[A-Za-z0-9_]+" symbols "${symbols}")
list(TRANSFORM symbols REPLACE "^ [TtWwi] " "")
list(REMOVE_DUPLICATES symbols)
list(LENGTH symbols count)
if(NOT result EQUAL 0 OR count LESS 100)
  message(FATAL_ERROR "${DRIVER} has ${count} functions")
endif()
set(text "int cuInit(unsigned flags) { (void)flags; return 100; }\n")
string(APPEND text "int cuDriverGetVersion(int* version) { *version = 13000; return 0; }\n")
list(REMOVE_ITEM symbols cuInit cuDriverGetVersion)
foreach(symbol IN LISTS symbols)
  string(APPEND text "int ${symbol}(void) { return 3; }\n")
endforeach()
file(WRITE ${OUTPUT} "${text}")
