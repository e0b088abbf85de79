/* Levels of frequency bands in many short frames: Fourier transforms of eight frames at a time, one in each lane of
   a vector, and sums over their bins.

   Called from bands.py, which says what each one does and has another way where this file was not compiled. */

#include "kernels.h"

#define LANES 8
#define MOST_FACTOR 13

typedef float Lanes __attribute__((vector_size(4 * LANES)));
#define INLINE static inline __attribute__((always_inline))

/* One pass of Stockham's transform: n values of which ido, l1 and the factor p are the parts, from "from" to "to"
   (real parts first, then imaginary). turns: cos and sin of each of the 2 n parts of a turn. */
INLINE void pass(const Lanes *restrict from, Lanes *restrict to, long n, long p, long l1, const float *restrict turns)
{
    const Lanes *restrict re = from, *restrict im = from + n;
    Lanes *restrict to_re = to, *restrict to_im = to + n;
    long ido = n / (l1 * p);
    for (long k = 0; k < l1; k++)
        for (long i = 0; i < ido; i++) {
            long at = i + ido * p * k, out = i + ido * k, apart = ido * l1;
            Lanes yr[MOST_FACTOR], yi[MOST_FACTOR];
            if (p == 4) {
                Lanes ar = re[at] + re[at + 2 * ido], ai = im[at] + im[at + 2 * ido];
                Lanes br = re[at] - re[at + 2 * ido], bi = im[at] - im[at + 2 * ido];
                Lanes cr = re[at + ido] + re[at + 3 * ido], ci = im[at + ido] + im[at + 3 * ido];
                Lanes dr = re[at + ido] - re[at + 3 * ido], di = im[at + ido] - im[at + 3 * ido];
                yr[0] = ar + cr, yi[0] = ai + ci;
                yr[1] = br + di, yi[1] = bi - dr;
                yr[2] = ar - cr, yi[2] = ai - ci;
                yr[3] = br - di, yi[3] = bi + dr;
            } else if (p == 2) {
                yr[0] = re[at] + re[at + ido], yi[0] = im[at] + im[at + ido];
                yr[1] = re[at] - re[at + ido], yi[1] = im[at] - im[at + ido];
            } else {
                Lanes sr[MOST_FACTOR / 2], si[MOST_FACTOR / 2], dr[MOST_FACTOR / 2], di[MOST_FACTOR / 2];
                yr[0] = re[at], yi[0] = im[at];
                for (long j = 1; j <= p / 2; j++) {
                    long one = at + j * ido, other = at + (p - j) * ido;
                    sr[j - 1] = re[one] + re[other], si[j - 1] = im[one] + im[other];
                    dr[j - 1] = re[one] - re[other], di[j - 1] = im[one] - im[other];
                    yr[0] += sr[j - 1], yi[0] += si[j - 1];
                }
                for (long m = 1; m <= p / 2; m++) {
                    Lanes er = re[at], ei = im[at], odd_r = {0}, odd_i = {0};
                    for (long j = 1; j <= p / 2; j++) {
                        const float *turn = turns + 2 * (2 * n / p * (m * j % p));
                        er += turn[0] * sr[j - 1], ei += turn[0] * si[j - 1];
                        odd_r += turn[1] * dr[j - 1], odd_i += turn[1] * di[j - 1];
                    }
                    yr[m] = er + odd_i, yi[m] = ei - odd_r;
                    yr[p - m] = er - odd_i, yi[p - m] = ei + odd_r;
                }
            }
            to_re[out] = yr[0], to_im[out] = yi[0];
            for (long m = 1; m < p; m++) {
                const float *turn = turns + 2 * (2 * m * i * l1);
                to_re[out + m * apart] = yr[m] * turn[0] + yi[m] * turn[1];
                to_im[out + m * apart] = yi[m] * turn[0] - yr[m] * turn[1];
            }
        }
}

/* Powers of bands in frames: x, of which frame f begins at sample f * hop and is size (even) long; window (size);
   turns (2 * size): cos and sin of each of the size parts of a turn; factors (passes) of size / 2, each 4 or a prime
   up to 13. Band b is the sum of the bins firsts[b] ... lasts[b] - 1, each times weights[bin * bands + b].
   work: 32-byte aligned, LANES * (2 * size + size / 2 + 1) values. power (count * bands). */
EXPORT void band_powers(const float *restrict x, long size, long hop, long count, const float *restrict window,
                        const float *restrict turns, const long *restrict factors, long passes,
                        const float *restrict weights, const long *restrict firsts, const long *restrict lasts,
                        long bands, float *work, float *restrict power)
{
    long n = size / 2, bins = 0;
    for (long b = 0; b < bands; b++)
        bins = lasts[b] > bins ? lasts[b] : bins;
    Lanes *from = (Lanes *)work, *to = from + size, *bin = to + size;
    for (long frame = 0; frame < count; frame += LANES) {
        long left = count - frame < LANES ? count - frame : LANES;
        float *rows = (float *)from;
        for (long lane = 0; lane < LANES; lane++) {
            const float *restrict samples = x + (frame + (lane < left ? lane : 0)) * hop;
            for (long i = 0; i < n; i++) {
                rows[i * LANES + lane] = samples[2 * i] * window[2 * i];
                rows[(n + i) * LANES + lane] = samples[2 * i + 1] * window[2 * i + 1];
            }
        }
        long l1 = 1;
        for (long f = 0; f < passes; f++) {
            long p = factors[f];
            if (p == 4)
                pass(from, to, n, 4, l1, turns);
            else if (p == 2)
                pass(from, to, n, 2, l1, turns);
            else if (p == 3)
                pass(from, to, n, 3, l1, turns);
            else if (p == 11)
                pass(from, to, n, 11, l1, turns);
            else
                pass(from, to, n, p, l1, turns);
            l1 *= p;
            Lanes *other = from;
            from = to;
            to = other;
        }
        /* The transform of the even and of the odd samples, in one: here they are taken apart. */
        for (long k = 0; k < bins; k++) {
            long a = k < n ? k : 0, b = k > 0 ? n - k : 0;
            Lanes even_r = from[a] + from[b], even_i = from[n + a] - from[n + b];
            Lanes odd_r = from[n + a] + from[n + b], odd_i = from[b] - from[a];
            Lanes real = even_r + odd_r * turns[2 * k] + odd_i * turns[2 * k + 1];
            Lanes imag = even_i + odd_i * turns[2 * k] - odd_r * turns[2 * k + 1];
            bin[k] = 0.25f * (real * real + imag * imag);
        }
        for (long b = 0; b < bands; b++) {
            Lanes sum = {0};
            for (long k = firsts[b]; k < lasts[b]; k++)
                sum += bin[k] * weights[k * bands + b];
            for (long lane = 0; lane < left; lane++)
                power[(frame + lane) * bands + b] = sum[lane];
        }
    }
}

/* Sums of squares of differences in each of count cells of size samples, x and total beginning two samples before
   the first: of the first difference of x, of its second, and of the first of x less share * (total - x), the last
   only where total is given. */
EXPORT void difference_powers(const float *restrict x, const float *restrict total, float share, long size, long count,
                              float *restrict first, float *restrict second, float *restrict apart)
{
    for (long cell = 0; cell < count; cell++) {
        float one = 0.0f, two = 0.0f, alone = 0.0f;
        for (long i = 2; i < size + 2; i++) {
            float step = x[i] - x[i - 1], before = x[i - 1] - x[i - 2];
            one += step * step;
            two += (step - before) * (step - before);
        }
        first[cell] = one;
        second[cell] = two;
        if (total) {
            for (long i = 2; i < size + 2; i++) {
                float rest = share * (total[i] - x[i]) - share * (total[i - 1] - x[i - 1]);
                float step = x[i] - x[i - 1] - rest;
                alone += step * step;
            }
            apart[cell] = alone;
            total += size;
        }
        x += size;
    }
}
