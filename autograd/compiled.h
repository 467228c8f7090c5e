// Who compiled it: the library, or a program that uses it.
//
// Ops and kernels are templates: a program that calls one compiles it with its own flags, for other vectors perhaps;
// and of several functions of one name a linker takes any. So these names lie in an inline namespace: the copies of a
// program are never taken for the library's, nor for those with vectors of another size.
#pragma once

#if defined(PRIMER_INSIDE)  // primer's own build
#define PRIMER_COMPILED inside
#elif defined(__AVX512F__)
#define PRIMER_COMPILED outside_64
#elif defined(__AVX__)
#define PRIMER_COMPILED outside_32
#else
#define PRIMER_COMPILED outside_16
#endif
