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
