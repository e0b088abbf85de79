/* The recursions of linear prediction, which NumPy cannot do without walking over memory once for each order.

   Called from kernels.py, which says what each one does and has another way where this file was not compiled. */

#include "kernels.h"

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
   over memory twice: what the next order needs is summed on the way.

   x (size): samples with peak 1; mirrored (size): the same backwards. products (steps + 1): twice their
   autocorrelation. a (steps + 1): the filter, 1 and zeros on entry. work (2 * steps + 4): anything. energy: of the
   errors that are left, forwards and backwards together. Returns the number of reflection coefficients found. */
EXPORT long burg_recursion(const double *restrict x, const double *restrict mirrored, long size,
                           const double *restrict products, long steps, double noise, double smallest,
                           double *restrict a, double *restrict work, double *restrict energy)
{
    double *restrict g = work, *restrict last = work + steps + 2;
    for (long i = 0; i < 2 * steps + 4; i++)
        work[i] = 0.0;
    g[0] = last[0] = products[0] - x[0] * x[0] - x[size - 1] * x[size - 1] + (double)(size - 1) * noise;
    g[1] = last[1] = products[1];
    double power = g[0], cross = g[1];
    for (long m = 0; m < steps; m++) {
        *energy = power;
        if (!(power > smallest))
            return m;
        double k = -cross / power;
        if (!(k < 1.0 && k > -1.0))
            return m;
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
        double begin_edge = begin[0], end_edge = end[0], sum = 0.0;
        power = cross = 0.0;
        if (m + 1 == steps) {
            for (long i = 0; i < m + 2; i++)
                power += a[i] * (g[i] - (at_begin * begin[i] + at_end * end[i] + noise * a[i]));
            *energy = power;
            return steps;
        }
        /* a[m + 2] is 0 still, so that the first products count for nothing. */
        for (long i = 0; i < m + 2; i++) {
            double image = a[m + 2 - i];
            double g_new = g[i] - (at_begin * begin[i] + at_end * end[i] + noise * a[i]);
            double last_new = last[i] - (begin_edge * begin[i] + end_edge * end[i]);
            g[i] = g_new;
            last[i] = last_new;
            power += a[i] * g_new;
            cross += g_new * image;
            sum += last_new * image;
        }
        last[0] -= noise;
        last[m + 2] = products[m + 2];
        g[m + 2] = sum + last[m + 2]; /* a[0] is 1 */
        cross += g[m + 2];
    }
    return steps;
}

/* Levinson's recursion: x with T x = b, T symmetric Toeplitz with the first column given, all (size).
   work (2 * size): anything. Returns 0 if a leading minor vanishes or is not finite, else 1. */
EXPORT long toeplitz_solve(const double *restrict column, const double *restrict b, long size, double *restrict x,
                           double *restrict work)
{
    double *restrict f = work; /* predictor of the order so far, f[0] = 1 */
    double power = column[0];
    if (!(power > 0.0 || power < 0.0))
        return 0;
    f[0] = 1.0;
    x[0] = b[0] / power;
    double cross = size > 1 ? column[1] : 0.0, missing = size > 1 ? x[0] * column[1] : 0.0;
    for (long m = 1; m < size; m++) {
        double k = -cross / power, cross_high = 0.0;
        power *= 1.0 - k * k;
        if (!(power > 0.0 || power < 0.0))
            return 0;
        double step = (b[m] - missing) / power;
        const double *restrict next = column + 1; /* of lag i + 1 */
        long half = (m + 1) / 2;
        f[m] = x[m] = cross = missing = 0.0;
        if (m + 1 == size) { /* there is no next one to prepare */
            for (long i = 0; i < half; i++) {
                double low = f[i], high = f[m - i];
                f[i] = low + k * high;
                f[m - i] = high + k * low;
            }
            if (m % 2 == 0)
                f[half] += k * f[half];
            for (long i = 0; i <= m; i++)
                x[i] += step * f[m - i];
            return 1;
        }
        for (long i = 0; i < half; i++) {
            double low = f[i], high = f[m - i];
            double new_low = low + k * high, new_high = high + k * low;
            f[i] = new_low;
            f[m - i] = new_high;
            cross += new_low * next[m - i];
            cross_high += new_high * next[i];
        }
        if (m % 2 == 0) {
            f[half] += k * f[half];
            cross += f[half] * next[half];
        }
        cross += cross_high;
        for (long i = 0; i <= m; i++) {
            double made = x[i] + step * f[m - i];
            x[i] = made;
            missing += made * next[m - i];
        }
    }
    return 1;
}

/* y[n] = x[n] - sum a[i] y[n - i], i = 1 ... order, in place; past (order) holds y[-order] ... y[-1] and y follows
   right behind it in memory. mirrored (order): a[order] ... a[1]. */
EXPORT void all_pole(const double *restrict mirrored, long order, double *past, long count)
{
    long n = 0;
    for (; order >= 16 && n + 4 <= count; n += 4) { /* four at a time share what is read; their own products follow */
        const double *restrict old = past + n;
        double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;
        for (long i = 0; i < order - 3; i++) {
            s0 += mirrored[i] * old[i];
            s1 += mirrored[i] * old[i + 1];
            s2 += mirrored[i] * old[i + 2];
            s3 += mirrored[i] * old[i + 3];
        }
        double a1 = mirrored[order - 1], a2 = mirrored[order - 2], a3 = mirrored[order - 3];
        s0 += a3 * old[order - 3] + a2 * old[order - 2] + a1 * old[order - 1];
        s1 += a3 * old[order - 2] + a2 * old[order - 1];
        s2 += a3 * old[order - 1];
        double *y = past + n + order;
        y[0] -= s0;
        y[1] -= s1 + a1 * y[0];
        y[2] -= s2 + a1 * y[1] + a2 * y[0];
        y[3] -= s3 + a1 * y[2] + a2 * y[1] + a3 * y[0];
    }
    for (; n < count; n++) {
        double sum = 0.0;
        for (long i = 0; i < order; i++)
            sum += mirrored[i] * past[n + i];
        past[n + order] -= sum;
    }
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

/* Coefficients a (order) of the model whose autocorrelation is r (order + 1), to which white noise of so large a share
   of the power is added. work: 3 * order values. Returns 0 where there is no solution. */
static long model_of(double *restrict r, long order, double noise, double *restrict a, double *restrict work)
{
    r[0] = r[0] * (1.0 + noise) + 1e-20;
    for (long i = 0; i < order; i++)
        work[i] = -r[i + 1];
    return toeplitz_solve(r, work, order, a, work + order);
}

/* The same of x under window, both (known); r: the autocorrelation. work: known + 3 * (order + 1) values. */
static long fitted_model(const double *restrict x, const double *restrict window, long known, long order, double noise,
                         double *restrict r, double *restrict a, double *restrict work)
{
    for (long i = 0; i <= order; i++)
        r[i] = 0.0;
    add_products(x, window, known, order + 1, work, r);
    return model_of(r, order, noise, a, work);
}

/* Prediction errors of x[order] ... x[size - 1], into errors (size - order), by a model of order order that is fitted on
   the first known samples under window (known); noise: white noise under it, as a share of the power. lpc.py does the
   same in NumPy. work: room for known + 6 * (order + 1) values. Returns 0 where there is no solution. */
EXPORT long errors_of(const double *restrict x, long size, const double *restrict window, long known, long order,
                      double noise, double *restrict errors, double *restrict work)
{
    double *r = work, *a = r + order + 1;
    if (!fitted_model(x, window, known, order, noise, r, a, a + order + 1))
        return 0;
    for (long n = order; n < size; n++)
        errors[n - order] = x[n];
    for (long i = 1; i <= order; i++) {
        double share = a[i - 1];
        const double *restrict past = x - i;
        for (long n = order; n < size; n++)
            errors[n - order] += share * past[n];
    }
    return 1;
}

/* Log likelihoods (longest + 1) of fades of 0 ... longest samples at the end of x (size); smear.py has the formulas and
   does the same in NumPy. window (size - longest): of the samples that the model, of order order, is fitted on; noise:
   white noise under it, as a share of the power. gains (longest + 1, order + longest), logs (longest + 1): of each
   fade. work: room for size + 7 * (order + 1) + longest values. Returns 0 where there is no solution. */
EXPORT long fade_likelihoods(const double *restrict x, long size, long longest, const double *restrict window, long order,
                             double noise, double rounding, const double *restrict gains, const double *restrict logs,
                             double *restrict likelihoods, double *restrict work)
{
    long known = size - longest;
    double *r = work, *forwards = r + order + 1, *a = forwards + order + 1, *undone = a + order + 1;
    double variance = 0.0, before = 0.0;
    if (!fitted_model(x, window, known, order, noise, r, forwards, undone + order + longest))
        return 0;
    for (long i = 0; i < order; i++) /* backwards, as the samples that it meets lie */
        a[i] = forwards[order - 1 - i];
    a[order] = 1.0;
    for (long n = order; n < known; n++) {
        double error = 0.0;
        for (long i = 0; i <= order; i++)
            error += a[i] * x[n - order + i];
        variance += error * error;
    }
    variance = variance / (double)(known - order) + rounding * rounding;
    for (long i = 0; i < order + longest; i++)
        undone[i] = x[known - order + i];
    for (long length = longest; length >= 0; length--) { /* of the first samples each fade leaves what the next leaves */
        const double *gain = gains + length * (order + longest) + order;
        for (long n = longest - length; n < longest; n++)
            undone[order + n] = x[known + n] / gain[n];
        double sum = before;
        for (long n = longest - length; n < longest; n++) {
            double error = 0.0, spread = rounding / gain[n];
            for (long i = 0; i <= order; i++)
                error += a[i] * undone[n + i];
            spread = variance + spread * spread;
            sum += error * error / spread + __builtin_log(spread);
        }
        likelihoods[length] = -0.5 * (sum + logs[length]);
        if (length > 0) { /* the first sample of this fade is as it is for all shorter ones */
            long n = longest - length;
            double error = 0.0, spread = variance + rounding * rounding;
            undone[order + n] = x[known + n];
            for (long i = 0; i <= order; i++)
                error += a[i] * undone[n + i];
            before += error * error / spread + __builtin_log(spread);
        }
    }
    return 1;
}

/* A stretch of x, first ... last - 1, filled from what is around it, begin ... first - 1 and last ... end - 1;
   interpolation.py has the formulas and does the same in NumPy. left and right: windows of the two sides.
   fill (last - first); energies (3): of the prediction errors over the stretch and the order behind it, as found and
   as filled, and on both sides. work: room for 8 * (order + 1) + 3 * (last - first) + the longer side, and order.
   Returns 0 where there is no solution. */
EXPORT long trial_repair(const double *restrict x, long begin, long first, long last, long end,
                         const double *restrict left, const double *restrict right, long order, double noise,
                         double *restrict fill, double *restrict energies, double *restrict work)
{
    long size = order + 1, gap = last - first;
    double *r = work, *a = r + size, *own = a + size, *spare = own + size;
    double *column = spare + 3 * size, *b = column + gap, *filled = b + gap, *rest = filled + gap + 2 * order;
    for (long i = 0; i < size; i++)
        r[i] = own[i] = 0.0;
    add_products(x + begin, left, first - begin, size, rest, r);
    add_products(x + last, right, end - last, size, rest, r);
    a[0] = 1.0;
    if (!model_of(r, order, noise, a + 1, spare))
        return 0;
    for (long lag = 0; lag < size; lag++)
        for (long i = lag; i < size; i++)
            own[lag] += a[i] * a[i - lag];
    for (long i = 0; i < gap + 2 * order; i++)
        filled[i] = i < order || i >= gap + order ? x[first - order + i] : 0.0;
    for (long i = 0; i < gap; i++) {
        column[i] = i < size ? own[i] : 0.0;
        double sum = own[0] * filled[i + order];
        for (long lag = 1; lag < size; lag++)
            sum += own[lag] * (filled[i + order - lag] + filled[i + order + lag]);
        b[i] = -sum;
    }
    if (!toeplitz_solve(column, b, gap, fill, rest))
        return 0;
    for (long i = 0; i < gap; i++)
        filled[order + i] = fill[i];
    for (long i = 0; i < 3; i++)
        energies[i] = 0.0;
    for (long n = 0; n < gap + order; n++) {
        double found = 0.0, made = 0.0;
        for (long i = 0; i < size; i++) {
            found += a[i] * x[first + n - i];
            made += a[i] * filled[n + order - i];
        }
        energies[0] += found * found;
        energies[1] += made * made;
    }
    for (long n = begin + order; n < end; n++) {
        if (n == first)
            n = last + order;
        double error = 0.0;
        for (long i = 0; i < size; i++)
            error += a[i] * x[n - i];
        energies[2] += error * error;
    }
    return 1;
}

/* Energies that least squares leave of the size values from wanted on: predicted by the values offsets[0 ... own - 1]
   before them, and by all count of them. Cholesky's factor gives both; work: count * (count + 2) values.
   Returns 0 where the system is singular, else 1. */
EXPORT long left_energies(const double *wanted, long size, const long *restrict offsets, long count, long own,
                          double ridge, double *restrict work, double *restrict left)
{
    double *restrict system = work, *restrict y = work + count * count, energy = 0.0;
    for (long n = 0; n < size; n++)
        energy += wanted[n] * wanted[n];
    for (long i = 0; i < count; i++) {
        const double *one = wanted - offsets[i];
        double sum = 0.0;
        for (long n = 0; n < size; n++)
            sum += one[n] * wanted[n];
        y[i] = sum;
        for (long j = 0; j <= i; j++) {
            const double *other = wanted - offsets[j];
            if (j && offsets[i] == offsets[i - 1] + 1 && offsets[j] == offsets[j - 1] + 1) {
                system[i * count + j] = system[(i - 1) * count + j - 1] + one[0] * other[0] - one[size] * other[size];
                continue;
            }
            sum = 0.0;
            for (long n = 0; n < size; n++)
                sum += one[n] * other[n];
            system[i * count + j] = sum;
        }
    }
    for (long i = 0; i < count; i++) {
        double *row = system + i * count, value = y[i];
        for (long j = 0; j <= i; j++) {
            const double *above = system + j * count;
            double sum = i == j ? row[j] * (1.0 + ridge) : row[j];
            for (long k = 0; k < j; k++)
                sum -= row[k] * above[k];
            if (i == j && !(sum > 0.0))
                return 0;
            row[j] = i == j ? 1.0 / __builtin_sqrt(sum) : sum * above[j];
        }
        for (long k = 0; k < i; k++)
            value -= row[k] * y[k];
        y[i] = value * row[i];
        energy -= y[i] * y[i];
        if (i + 1 == own)
            left[0] = energy;
    }
    left[1] = energy;
    return 1;
}

/* Energies that least squares leave, as left_energies says, of the size samples from x[place] on, once a model of what
   is around has whitened them. window (known): of the samples from x[begin] on that the model, of order order, is
   fitted on; noise: white noise under it, as a share of the power. past: samples before place that are whitened, at
   least order and the last offset. work: room for past + size + known + 5 * (order + 1) + count * (count + 2) values. */
EXPORT long whitened_energies(const double *restrict x, long place, long size, long begin,
                              const double *restrict window, long known, long order, double noise, long past,
                              const long *restrict offsets, long count, long own, double ridge, double *restrict work,
                              double *restrict left)
{
    double *r = work, *a = r + order + 1, *rest = a + order + 1, *white = rest + known + 3 * (order + 1);
    a[0] = 1.0;
    if (!fitted_model(x + begin, window, known, order, noise, r, a + 1, rest))
        return 0;
    long length = past + size - order;
    const double *from = x + place - past + order;
    for (long n = 0; n < length; n++) {
        double sum = from[n];
        for (long i = 1; i <= order; i++)
            sum += a[i] * from[n - i];
        white[n] = sum;
    }
    return left_energies(white + length - size, size, offsets, count, own, ridge, white + length, left);
}
