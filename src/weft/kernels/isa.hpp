#pragma once

// Files called *_cpu.cpp are compiled once per instruction set, with WEFT_ISA set to v3 or v4
// (weft::InstructionSet). Everything they define, and every inline function of the headers they
// include, stands in an inline namespace of that name: the linker would otherwise merge the copies,
// and a processor without AVX-512 could be handed the wrong one. For the same reason these files
// use no templates that other files instantiate too (fmt, containers); a test reads their symbols.
#ifndef WEFT_ISA
#define WEFT_ISA v3
#endif
