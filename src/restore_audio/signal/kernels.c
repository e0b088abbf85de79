/* The loops that NumPy cannot do without walking over memory once for each order or sample.

   Called from kernels.py, which says what each one does and has another way where this file was not compiled.
   Plain C99, no header, no memory allocated, no state: any number of threads may be in here at once.

   CLONES (set by the build where compiler and loader know it) compiles each function twice, for AVX2 and for any
   processor of the kind, and the loader takes the one that the machine can run. */

#ifdef CLONES
#define FAST __attribute__((target_clones("avx2", "default")))
#else
#define FAST
#endif

#ifdef _WIN32
#define EXPORT __declspec(dllexport) FAST
#else
#define EXPORT __attribute__((visibility("default"))) FAST
#endif

/* Burg's recursion on sums of products; burg.py has the formulas and does the same in NumPy.

   x (size): samples with peak 1. products (steps + 1): twice their autocorrelation.
   a (steps + 1): the filter, 1 and zeros on entry. work (2 * steps + 4): anything.
   Returns the number of reflection coefficients found. */
EXPORT long burg_recursion(const double *restrict x, long size, const double *restrict products, long steps,
                           double noise, double smallest, double *restrict a, double *restrict work)
{
    double *restrict g = work, *restrict last = work + steps + 2;
    for (long i = 0; i < 2 * steps + 4; i++)
        work[i] = 0.0;
    g[0] = last[0] = products[0] - x[0] * x[0] - x[size - 1] * x[size - 1] + (double)(size - 1) * noise;
    g[1] = last[1] = products[1];
    for (long m = 0; m < steps; m++) {
        double power = 0.0, cross = 0.0;
        for (long i = 0; i <= m; i++) {
            power += a[i] * g[i];
            cross += a[i] * g[m + 1 - i];
        }
        if (!(power > smallest))
            return m;
        double k = -cross / power;
        if (!(k < 1.0 && k > -1.0))
            return m;
        /* a and g of the next order: each mixes with its own mirror image, so both ends are done at once. */
        long half = (m + 2) / 2;
        for (long i = 0; i < half; i++) {
            double low = a[i], high = a[m + 1 - i];
            a[i] = low + k * high;
            a[m + 1 - i] = high + k * low;
        }
        if (m % 2)
            a[half] += k * a[half];
        if (m + 1 == steps)
            return steps;
        for (long i = 0; i < half; i++) {
            double low = g[i], high = g[m + 1 - i];
            g[i] = low + k * high;
            g[m + 1 - i] = high + k * low;
        }
        if (m % 2)
            g[half] += k * g[half];
        /* The products of the samples that drop out at the two ends. */
        const double *end = x + size - 2 - m, *begin = x + m + 1; /* begin is read backwards */
        double first_share = 0.0, last_share = 0.0;
        for (long i = 0; i < m + 2; i++) {
            first_share += begin[-i] * a[i];
            last_share += end[i] * a[i];
        }
        double first_edge = begin[0], last_edge = end[0];
        for (long i = 0; i < m + 2; i++) {
            g[i] -= first_share * begin[-i] + last_share * end[i] + noise * a[i];
            last[i] -= first_edge * begin[-i] + last_edge * end[i];
        }
        last[0] -= noise;
        last[m + 2] = products[m + 2];
        double sum = 0.0;
        for (long i = 0; i < m + 2; i++)
            sum += last[i + 1] * a[m + 1 - i];
        g[m + 2] = sum;
    }
    return steps;
}

/* Levinson's recursion: x with T x = b, T symmetric Toeplitz with the first column given, all (size).
   work (2 * size): anything. Returns 0 if a leading minor vanishes or is not finite, else 1. */
EXPORT long toeplitz_solve(const double *restrict column, const double *restrict b, long size, double *restrict x,
                           double *restrict work)
{
    double *restrict f = work, *restrict mirrored = work + size; /* predictor f of the order so far, f[0] = 1 */
    double power = column[0];
    if (!(power > 0.0 || power < 0.0))
        return 0;
    f[0] = 1.0;
    x[0] = b[0] / power;
    for (long m = 1; m < size; m++) {
        double cross = 0.0, missing = 0.0;
        for (long i = 0; i < m; i++) {
            cross += f[i] * column[m - i];
            missing += x[i] * column[m - i];
        }
        double k = -cross / power;
        f[m] = 0.0;
        for (long i = 0; i <= m; i++)
            mirrored[i] = f[m - i];
        for (long i = 0; i <= m; i++)
            f[i] += k * mirrored[i];
        power *= 1.0 - k * k;
        if (!(power > 0.0 || power < 0.0))
            return 0;
        double step = (b[m] - missing) / power;
        x[m] = 0.0;
        for (long i = 0; i <= m; i++)
            x[i] += step * f[m - i];
    }
    return 1;
}

/* y[n] = x[n] - sum a[i] y[n - i], i = 1 ... order, in place; past (order) holds y[-order] ... y[-1] and y follows
   right behind it in memory. mirrored (order): a[order] ... a[1]. */
EXPORT void all_pole(const double *restrict mirrored, long order, double *restrict past, long count)
{
    for (long n = 0; n < count; n++) {
        double sum = 0.0;
        for (long i = 0; i < order; i++)
            sum += mirrored[i] * past[n + i];
        past[n + order] -= sum;
    }
}
