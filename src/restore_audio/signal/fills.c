/* A gap filled from both sides by given models, as restore_audio.fill.ar describes it and does in NumPy.

   Called from kernels.py. */

#include "kernels.h"

void all_pole(const double *restrict mirrored, long order, double *past, long count);
long toeplitz_solve(const double *restrict column, const double *restrict b, long size, double *restrict x,
                    double *restrict work);

#ifdef __GNUC__
#define INSIDE static inline __attribute__((always_inline))
#else
#define INSIDE static inline
#endif

/* What the loop that follows writes is not what it reads. */
#if defined(__GNUC__) && !defined(__clang__)
#define UNRELATED _Pragma("GCC ivdep")
#else
#define UNRELATED
#endif

/* One butterfly of radix 4, of values that lie apart, turned by the angle of c1 and s1; results lie step apart. */
INSIDE void turn(const double *restrict from, const double *restrict from_im, long apart, double *restrict to,
                 double *restrict to_im, long step, double c1, double s1)
{
    double c2 = c1 * c1 - s1 * s1, s2 = 2.0 * c1 * s1, c3 = c1 * c2 - s1 * s2, s3 = c1 * s2 + s1 * c2;
    double x0 = from[0], x1 = from[apart], x2 = from[2 * apart], x3 = from[3 * apart];
    double y0 = from_im[0], y1 = from_im[apart], y2 = from_im[2 * apart], y3 = from_im[3 * apart];
    double even = x0 + x2, odd = x1 + x3, less = x0 - x2, turned = y1 - y3;
    double even_im = y0 + y2, odd_im = y1 + y3, less_im = y0 - y2, turned_im = x3 - x1;
    double u1 = less + turned, v1 = less_im + turned_im, u2 = even - odd, v2 = even_im - odd_im;
    double u3 = less - turned, v3 = less_im - turned_im;
    to[0] = even + odd;
    to_im[0] = even_im + odd_im;
    to[step] = c1 * u1 - s1 * v1;
    to_im[step] = c1 * v1 + s1 * u1;
    to[2 * step] = c2 * u2 - s2 * v2;
    to_im[2 * step] = c2 * v2 + s2 * u2;
    to[3 * step] = c3 * u3 - s3 * v3;
    to_im[3 * step] = c3 * v3 + s3 * u3;
}

INSIDE void first_pass(const double *restrict a, const double *restrict b, double *restrict c, double *restrict d,
                       const double *restrict cosines, const double *restrict sines, long size)
{
    UNRELATED
    for (long p = 0; p < size / 4; p++)
        turn(a + p, b + p, size / 4, c + 4 * p, d + 4 * p, 1, cosines[p], sines[p]);
}

INSIDE void next_pass(const double *restrict a, const double *restrict b, double *restrict c, double *restrict d,
                      double cosine, double sine, long size, long step)
{
    UNRELATED
    for (long q = 0; q < step; q++)
        turn(a + q, b + q, size / 4, c + q, d + q, step, cosine, sine);
}

/* Fourier transform of size values re + i im, in place; size is a power of two. With re and im exchanged it is the
   inverse, times size. roots (size / 2): cosines of 2 pi k / size for k below size / 4, then as many of minus the sine.
   re2, im2 (size): anything. Stockham's passes of radix 4, the last one of radix 2 where one is left. */
EXPORT void transform(double *re, double *im, double *re2, double *im2, const double *restrict roots, long size)
{
    double *a = re, *b = im, *c = re2, *d = im2;
    const double *sines = roots + size / 4;
    long step = 1, rest = size;
    for (; rest >= 4; rest /= 4, step *= 4) {
        if (step == 1)
            first_pass(a, b, c, d, roots, sines, size);
        else
            for (long p = 0; p < rest / 4; p++)
                next_pass(a + p * step, b + p * step, c + 4 * p * step, d + 4 * p * step, roots[p * step],
                          sines[p * step], size, step);
        double *was = a, *was_im = b;
        a = c;
        b = d;
        c = was;
        d = was_im;
    }
    if (rest == 2) {
        for (long q = 0; q < step; q++) {
            double x0 = a[q], x1 = a[q + step], y0 = b[q], y1 = b[q + step];
            c[q] = x0 + x1;
            d[q] = y0 + y1;
            c[q + step] = x0 - x1;
            d[q + step] = y0 - y1;
        }
        a = c;
        b = d;
    }
    if (a != re)
        for (long i = 0; i < size; i++) {
            re[i] = a[i];
            im[i] = b[i];
        }
}

INSIDE double larger(double one, double other) { return one > other ? one : other; }

INSIDE double peak_of(const double *x, long size)
{
    double peak = 0.0;
    for (long i = 0; i < size; i++)
        peak = larger(peak, x[i] < 0.0 ? -x[i] : x[i]);
    return peak;
}

INSIDE int is_finite(double x) { return x - x == 0.0; }

/* Samples after a gap up to where a sound begins, all if none does. inverse: one over the peak of both sides. */
INSIDE long attack(const double *before_end, long left, const double *after, long right, double peak, double ratio,
                   long cell, long quiet)
{
    double most = 0.0, first = 0.0;
    if ((left < quiet ? left : quiet) < cell || right < cell)
        return right;
    for (long start = 0; start + cell <= (left < quiet ? left : quiet); start += cell) {
        double sum = 0.0;
        for (long i = start + 1; i <= start + cell; i++)
            sum += before_end[-i] / peak * (before_end[-i] / peak);
        most = larger(most, sum);
    }
    for (long start = 0; start + cell <= right; start += cell) {
        double sum = 0.0;
        for (long i = start; i < start + cell; i++)
            sum += after[i] / peak * (after[i] / peak);
        if (start == 0)
            first = sum;
        else if (sum > ratio * larger(most, first))
            return start;
    }
    return right;
}

/* A continuation of count samples by a model behind a side whose samples, from the gap on outwards, are side[0],
   side[step], ...; over peak, into y (order + count), of which the last count are it. mirrored (order): anything. */
INSIDE void continued(const double *side, long step, long size, double peak, const double *restrict model, long order,
                      long count, double *restrict mirrored, double *restrict y)
{
    for (long i = 0; i < order; i++) {
        mirrored[i] = model[order - i];
        y[order - 1 - i] = i < size ? side[i * step] / peak : 0.0;
    }
    for (long i = 0; i < count; i++)
        y[order + i] = 0.0;
    all_pole(mirrored, order, y, count);
}

/* The gap's samples, solved (gap), of least weighted prediction error; 0 where there is no solution. known (n): the
   samples around the gap in their place, order of them on each side, and zeros. A second model may be NULL. */
INSIDE long solve(long gap, const double *first, long first_order, double first_weight, const double *second,
                  long second_order, double second_weight, const double *roots, long n, double *known, double *solved,
                  double *work)
{
    long order = second && second_order > first_order ? second_order : first_order;
    double *re = known, *im = work, *re2 = im + n, *im2 = re2 + n, *power = im2 + n, *column = power + n;
    for (long i = 0; i < n; i++)
        im[i] = i <= first_order ? first[i] : 0.0;
    transform(re, im, re2, im2, roots, n);
    /* Of two real series in one transform: each is what is even or odd in it. */
    for (long i = 0; i < n; i++) {
        long j = (n - i) & (n - 1);
        double a_re = 0.5 * (im[i] + im[j]), a_im = 0.5 * (re[j] - re[i]);
        power[i] = first_weight * (a_re * a_re + a_im * a_im);
    }
    if (second) {
        double *other = column, *other_im = other + n;
        for (long i = 0; i < n; i++) {
            other[i] = i <= second_order ? second[i] : 0.0;
            other_im[i] = 0.0;
        }
        transform(other, other_im, re2, im2, roots, n);
        for (long i = 0; i < n; i++)
            power[i] += second_weight * (other[i] * other[i] + other_im[i] * other_im[i]);
    }
    /* Back: the products with what is known are the real part, those of the filters the imaginary one. */
    for (long i = 0; i < n; i++) {
        long j = (n - i) & (n - 1);
        re2[i] = 0.5 * power[i] * (re[i] + re[j]);
        im2[i] = 0.5 * power[i] * (im[i] - im[j]) + power[i];
    }
    transform(im2, re2, im, re, roots, n);
    double *b = re2 + order, scale = 1.0 / (double)n;
    for (long i = 0; i < gap; i++) {
        b[i] *= -scale;
        column[i] = i <= order ? im2[i] * scale : 0.0;
    }
    if (!toeplitz_solve(column, b, gap, solved, column + gap))
        return 0;
    for (long i = 0; i < gap; i++)
        if (!is_finite(solved[i]))
            return 0;
    return 1;
}

/* Fill a gap of gap samples between before (left) and after (right): what restore_audio.fill.ar does in NumPy.

   first, second: models of both sides, of orders first_order and second_order, or NULL; weights (2): of their errors.
   counts: samples of a cell and of the quiet stretch in which an attack is looked for, or 0; samples that bound the
   fill, at least; whether to solve. shares: an attack over the quiet stretch; the loudest fill over the peak around;
   how much of the extrapolation stays; and the two numbers that make a fill quieter whose continuations differ.
   fade, inside (gap): of the continuation from the left, and where the fill is made quieter. roots, n: of transform.
   work: 7 * n + 2 * (order + gap) + order + 3 * gap values. */
EXPORT void fill_between(const double *before, long left, const double *after, long right, long gap,
                         const double *first, long first_order, const double *second, long second_order,
                         const double *weights, const long *counts, const double *shares, const double *fade,
                         const double *inside, const double *roots, long n, double *restrict fill,
                         double *restrict work)
{
    const double *before_end = before + left;
    for (long i = 1; i <= left; i++)
        if (!is_finite(before_end[-i]))
            left = i - 1;
    for (long i = 0; i < right; i++)
        if (!is_finite(after[i]))
            right = i;
    double peak = larger(peak_of(before_end - left, left), peak_of(after, right));
    if (counts[0] && peak > 0.0) {
        right = attack(before_end, left, after, right, peak, shares[0], counts[0], counts[1]);
        peak = larger(peak_of(before_end - left, left), peak_of(after, right));
    }
    if (!(peak > 0.0)) {
        for (long i = 0; i < gap; i++)
            fill[i] = 0.0;
        return;
    }
    if (larger((double)left, (double)right) < (double)counts[4]) {
        double from = left ? before_end[-1] : 0.0, to = right ? after[0] : 0.0;
        for (long i = 0; i < gap; i++)
            fill[i] = from + (to - from) * (double)(i + 1) / (double)(gap + 1);
        return;
    }
    double *forwards = work, *backwards = forwards + (first ? first_order : 0) + gap;
    double *mirrored = backwards + (second ? second_order : 0) + gap, *rest;
    long longest = first_order > second_order ? first_order : second_order;
    rest = mirrored + longest;
    if (first && first_order && left)
        continued(before_end - 1, -1, left, peak, first, first_order, gap, mirrored, forwards);
    else
        for (long i = 0; i < gap + (first ? first_order : 0); i++)
            forwards[i] = 0.0;
    if (second && second_order && right)
        continued(after, 1, right, peak, second, second_order, gap, mirrored, backwards);
    else
        for (long i = 0; i < gap + (second ? second_order : 0); i++)
            backwards[i] = 0.0;
    forwards += first ? first_order : 0;
    backwards += second ? second_order : 0;
    double apart = 0.0;
    for (long i = 0; i < gap; i++) {
        double one = forwards[i], other = backwards[gap - 1 - i];
        if (left < counts[4])
            fill[i] = other;
        else if (right < counts[4])
            fill[i] = one;
        else {
            fill[i] = fade[i] * one + (1.0 - fade[i]) * other;
            apart += (one - other) * (one - other);
        }
    }
    long near = 4 * gap > counts[2] ? 4 * gap : counts[2];
    long near_left = near < left ? near : left, near_right = near < right ? near : right;
    double bound = shares[1] * larger(peak_of(before_end - near_left, near_left), peak_of(after, near_right)) / peak;
    long least = left < right ? left : right;
    if (counts[3] && (first || second) && (!first || first_order < least) && (!second || second_order < least)) {
        const double *one = first ? first : second, *other = first && second && first != second ? second : 0;
        long order = longest;
        double *known = rest, *solved = known + n;
        if (first == second || !first || !second)
            order = first ? first_order : second_order;
        for (long i = 0; i < n; i++)
            known[i] = 0.0;
        for (long i = 0; i < order; i++) {
            known[i] = before_end[i - order] / peak;
            known[order + gap + i] = after[i] / peak;
        }
        if (solve(gap, one, first ? first_order : second_order, first ? weights[0] : weights[1], other, second_order,
                  weights[1], roots, n, known, solved, solved + gap)
            && !(peak_of(solved, gap) > bound))
            for (long i = 0; i < gap; i++)
                fill[i] = shares[2] * fill[i] + (1.0 - shares[2]) * solved[i];
    }
    double energy = 0.0;
    for (long i = 0; i < gap; i++)
        energy += fill[i] * fill[i];
    double beyond = energy > 0.0 ? larger(apart / energy - shares[3], 0.0) : 0.0;
    double quieter = 1.0 - 1.0 / (1.0 + shares[4] * beyond);
    for (long i = 0; i < gap; i++) {
        double value = fill[i] * (1.0 - inside[i] * quieter);
        value = value < -bound ? -bound : value > bound ? bound : value;
        fill[i] = peak * value;
    }
}
