# Flags that every target of this project shares.
#
# -march=x86-64-v3 is the oldest processor the program runs on. -fno-math-errno and -fno-trapping-math
# let g++ vectorise sqrt and the exp functors; neither changes a result. There is no -ffast-math:
# reductions keep their written order.
add_library(weft_flags INTERFACE)
target_compile_options(weft_flags INTERFACE
  -march=$<IF:$<BOOL:$<TARGET_PROPERTY:WEFT_V4>>,x86-64-v4,x86-64-v3> -fno-math-errno -fno-trapping-math
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
# What the kernels' loops are compiled with a second time, for processors that have it, besides the
# target property WEFT_V4, which chooses -march (of two -march the later one would win).
set(WEFT_V4_FLAGS -mavx512bf16 -mprefer-vector-width=512)
if(WEFT_WERROR)
  target_compile_options(weft_flags INTERFACE -Werror)
endif()
if(WEFT_SANITIZE)
  target_compile_options(weft_flags INTERFACE -fsanitize=${WEFT_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(weft_flags INTERFACE -fsanitize=${WEFT_SANITIZE})
endif()
target_include_directories(weft_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)

find_program(WEFT_CCACHE ccache)
if(WEFT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${WEFT_CCACHE})
endif()
