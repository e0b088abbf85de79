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

#ifndef SOURCE_SUM
#define SOURCE_SUM 0u
#endif

/* The checksum of this file that the build gave: library.py uses no library of another source. */
#ifdef _WIN32
__declspec(dllexport)
#else
__attribute__((visibility("default")))
#endif
unsigned int source_sum(void)
{
    return SOURCE_SUM;
}

/* Burg's recursion on sums of products; burg.py has the formulas and does the same in NumPy. Here each order walks
   over memory three times: what the next order needs is summed on the way.

   x (size): samples with peak 1; mirrored (size): the same backwards. products (steps + 1): twice their
   autocorrelation. a (steps + 1): the filter, 1 and zeros on entry. work (2 * steps + 4): anything.
   Returns the number of reflection coefficients found. */
EXPORT long burg_recursion(const double *restrict x, const double *restrict mirrored, long size,
                           const double *restrict products, long steps, double noise, double smallest,
                           double *restrict a, double *restrict work)
{
    double *restrict g = work, *restrict last = work + steps + 2;
    for (long i = 0; i < 2 * steps + 4; i++)
        work[i] = 0.0;
    g[0] = last[0] = products[0] - x[0] * x[0] - x[size - 1] * x[size - 1] + (double)(size - 1) * noise;
    g[1] = last[1] = products[1];
    double power = g[0], cross = g[1];
    for (long m = 0; m < steps; m++) {
        if (!(power > smallest))
            return m;
        double k = -cross / power;
        if (!(k < 1.0 && k > -1.0))
            return m;
        if (m + 1 == steps) {
            for (long i = 0; i < (m + 2) / 2; i++) {
                double low = a[i], high = a[m + 1 - i];
                a[i] = low + k * high;
                a[m + 1 - i] = high + k * low;
            }
            if (m % 2)
                a[(m + 2) / 2] += k * a[(m + 2) / 2];
            return steps;
        }
        /* a and g of the next order: each mixes with its own mirror image, so both ends are done at once.
           With the new a: the products of the samples that drop out at the two ends. */
        const double *restrict end = x + size - 2 - m, *restrict begin = mirrored + size - 2 - m;
        double at_begin = 0.0, at_end = 0.0, at_begin_high = 0.0, at_end_high = 0.0;
        long half = (m + 2) / 2;
        for (long i = 0; i < half; i++) {
            double low = a[i], high = a[m + 1 - i], g_low = g[i], g_high = g[m + 1 - i];
            double new_low = low + k * high, new_high = high + k * low;
            a[i] = new_low;
            a[m + 1 - i] = new_high;
            g[i] = g_low + k * g_high;
            g[m + 1 - i] = g_high + k * g_low;
            at_begin += begin[i] * new_low;
            at_begin_high += begin[m + 1 - i] * new_high;
            at_end += end[i] * new_low;
            at_end_high += end[m + 1 - i] * new_high;
        }
        if (m % 2) {
            a[half] += k * a[half];
            g[half] += k * g[half];
            at_begin += begin[half] * a[half];
            at_end += end[half] * a[half];
        }
        at_begin += at_begin_high;
        at_end += at_end_high;
        double begin_edge = begin[0], end_edge = end[0];
        power = 0.0;
        for (long i = 0; i < m + 2; i++) {
            double g_new = g[i] - (at_begin * begin[i] + at_end * end[i] + noise * a[i]);
            g[i] = g_new;
            power += a[i] * g_new;
            last[i] -= begin_edge * begin[i] + end_edge * end[i];
        }
        last[0] -= noise;
        last[m + 2] = products[m + 2];
        double sum = 0.0;
        cross = 0.0;
        for (long i = 1; i < m + 2; i++) {
            double image = a[m + 2 - i];
            sum += last[i] * image;
            cross += g[i] * image;
        }
        sum += last[m + 2];
        g[m + 2] = sum;
        cross += sum; /* a[0] is 1 */
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

#define SHORT 16 /* order of the short models */

/* Prediction error of short models, one for each hop; screen.py has the formulas and does the same in NumPy.

   padded: begins hop / 2 (at least SHORT: lead) samples before the first one and ends hop / 2 zeros after count hops.
   window (2 * hop). noise: share of the power that the fit imagines. work (2 * hop + SHORT): anything.
   error (count * hop). */
EXPORT void short_prediction(const float *restrict padded, long lead, long hop, long count,
                             const float *restrict window, double noise, double *restrict work,
                             float *restrict error)
{
    for (long block = 0; block < count; block++) {
        const float *frame = padded + lead - hop / 2 + block * hop;
        for (long i = 0; i < 2 * hop; i++)
            work[i] = (double)(frame[i] * window[i]);
        for (long i = 2 * hop; i < 2 * hop + SHORT; i++)
            work[i] = 0.0;
        double r[SHORT + 1] = {0.0};
        for (long first = 0; first < 2 * hop; first += 512) { /* pieces that stay in the cache */
            long last = first + 512 < 2 * hop ? first + 512 : 2 * hop;
            for (long lag = 0; lag < SHORT; lag += 4) {
                double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;
                for (long i = first; i < last; i++) {
                    s0 += work[i] * work[i + lag];
                    s1 += work[i] * work[i + lag + 1];
                    s2 += work[i] * work[i + lag + 2];
                    s3 += work[i] * work[i + lag + 3];
                }
                r[lag] += s0;
                r[lag + 1] += s1;
                r[lag + 2] += s2;
                r[lag + 3] += s3;
            }
            double s = 0.0;
            for (long i = first; i < last; i++)
                s += work[i] * work[i + SHORT];
            r[SHORT] += s;
        }
        double a[SHORT + 1] = {1.0}, power = r[0] * (1.0 + noise) + 1e-12;
        for (int m = 1; m <= SHORT; m++) {
            double cross = 0.0, next[SHORT + 1];
            for (int i = 0; i < m; i++)
                cross += a[i] * r[m - i];
            double k = -cross / power;
            for (int i = 1; i <= m; i++)
                next[i] = a[i] + k * a[m - i];
            for (int i = 1; i <= m; i++)
                a[i] = next[i];
            power *= 1.0 - k * k > 1e-9 ? 1.0 - k * k : 1e-9;
        }
        float f[SHORT + 1];
        for (int i = 0; i <= SHORT; i++)
            f[i] = (float)a[i];
        const float *x = padded + lead + block * hop;
        float *restrict out = error + block * hop;
        for (long n = 0; n < hop; n++) {
            float s = 0.0f;
            for (int i = 0; i <= SHORT; i++)
                s += f[i] * x[n - i];
            out[n] = s;
        }
    }
}

/* The largest magnitude of each cell: x (count * cell), peaks (count). */
EXPORT void cell_peaks(const float *restrict x, long cell, long count, float *restrict peaks)
{
    for (long i = 0; i < count; i++) {
        float high = 0.0f;
        for (long n = 0; n < cell; n++) {
            float size = x[n] < 0.0f ? -x[n] : x[n];
            high = size > high ? size : high;
        }
        peaks[i] = high;
        x += cell;
    }
}

/* Places of x (size) at which a hash of three neighbouring samples lies below limit, and their keys: 40 bits of the
   hashes there and four samples on, and the place in the lowest 24 bits. Places at which one of the next four samples
   rests on its value, and the last eight, are left out. matches.py does the same in NumPy; x as the 32-bit halves of
   its float64 samples, the lower half first. keys (size). Returns how many there are. */
EXPORT long find_anchors(const unsigned int *restrict halves, const double *restrict x, long size, unsigned int limit,
                         unsigned int one, unsigned int two, unsigned int three, unsigned long long *restrict keys)
{
    unsigned int hashes[1024 + 4];
    long found = 0;
    for (long first = 0; first < size - 8; first += 1024) {
        long count = size - 8 - first < 1024 ? size - 8 - first : 1024;
        const unsigned int *high = halves + 2 * first + 1;
        for (long i = 0; i < count + 4; i++) {
            unsigned int h = high[2 * i] * one + high[2 * i + 2] * two + high[2 * i + 4] * three;
            hashes[i] = (h ^ (h >> 15)) * one;
        }
        for (long i = 0; i < count; i++) {
            if (hashes[i] >= limit)
                continue;
            const double *s = x + first + i;
            if (s[0] == s[1] || s[1] == s[2] || s[2] == s[3] || s[3] == s[4])
                continue;
            unsigned long long key = ((unsigned long long)hashes[i] << 32) ^ ((unsigned long long)hashes[i + 4] << 24);
            keys[found++] = (key >> 24 << 24) | (unsigned long long)(first + i);
        }
    }
    return found;
}

/* Autocorrelation of windowed samples, added to sums: x, window (size), sums (lags), work (size + lags): anything.
   lpc.py does the same in NumPy. */
EXPORT void add_products(const double *restrict x, const double *restrict window, long size, long lags,
                         double *restrict work, double *restrict sums)
{
    for (long i = 0; i < size; i++)
        work[i] = x[i] * window[i];
    for (long i = size; i < size + lags; i++)
        work[i] = 0.0;
    long lag = 0;
    for (; lag + 4 <= lags; lag += 4) {
        double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;
        for (long i = 0; i < size; i++) {
            s0 += work[i] * work[i + lag];
            s1 += work[i] * work[i + lag + 1];
            s2 += work[i] * work[i + lag + 2];
            s3 += work[i] * work[i + lag + 3];
        }
        sums[lag] += s0;
        sums[lag + 1] += s1;
        sums[lag + 2] += s2;
        sums[lag + 3] += s3;
    }
    for (; lag < lags; lag++) {
        double s = 0.0;
        for (long i = 0; i < size; i++)
            s += work[i] * work[i + lag];
        sums[lag] += s;
    }
}

/* Largest less smallest value of each cell: x (count * cell), ranges (count). */
EXPORT void cell_ranges(const double *restrict x, long cell, long count, double *restrict ranges)
{
    for (long i = 0; i < count; i++) {
        double high = x[0], low = x[0];
        for (long n = 1; n < cell; n++) {
            high = x[n] > high ? x[n] : high;
            low = x[n] < low ? x[n] : low;
        }
        ranges[i] = high - low;
        x += cell;
    }
}
