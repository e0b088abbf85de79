/* What the compiled loops share: how a function is compiled and found.

   CLONES (set by the build where compiler and loader know it) compiles each function twice, for AVX2 and for any
   processor of the kind, and the loader takes the one that the machine can run. No memory is allocated in here and
   no state kept: any number of threads may be in here at once. */

#ifdef CLONES
#define FAST __attribute__((target_clones("avx2", "default")))
#else
#define FAST
#endif

/* A sum that is not to be reordered with what it is part of. */
#define ORDERED(sum) (sum)
#ifdef __has_builtin
#if __has_builtin(__builtin_assoc_barrier)
#undef ORDERED
#define ORDERED(sum) __builtin_assoc_barrier(sum)
#endif
#endif

#ifdef _WIN32
#define EXPORT __declspec(dllexport) FAST
#else
#define EXPORT __attribute__((visibility("default"))) FAST
#endif
