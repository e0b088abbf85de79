/* The loops over every sample of a recording, by which detectors find what is worth a look.

   Called from screens.py, which says what each one does and has another way where this file was not compiled. */

#include "kernels.h"

#define SHORT 16 /* order of the short models */

/* Prediction error of short models, one for each hop; screen.py has the formulas and does the same in NumPy.

   padded: begins hop / 2 (at least SHORT: lead) samples before the first one and ends hop / 2 zeros after count hops.
   window (2 * hop). noise: share of the power that the fit puts in. work (2 * hop + SHORT): anything.
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

/* Of the anchors (keys, count, in order of place) the pairs that agree in their 40 bits of hash, each with the nearest
   one before, at most longest and at least shortest samples apart, where probe samples of x from both places on are
   the same. table (1 << bits, more than count): zeros. late, lag (count): the later place, and how far the earlier
   lies before it. Returns how many there are. */
EXPORT long pair_anchors(const double *restrict x, const unsigned long long *restrict keys, long count, long shortest,
                         long longest, long probe, unsigned int *restrict table, long bits, long *restrict late,
                         long *restrict lag)
{
    long found = 0;
    unsigned int mask = (1u << bits) - 1u;
    for (long i = 0; i < count; i++) {
        unsigned long long hash = keys[i] >> 24;
        /* An odd multiplier, the golden ratio of 2^64, spreads the hash over the table. */
        unsigned int slot = (unsigned int)(hash * 0x9E3779B97F4A7C15ull >> (64 - bits));
        while (table[slot] && keys[table[slot] - 1] >> 24 != hash)
            slot = (slot + 1u) & mask;
        long place = (long)(keys[i] & 0xFFFFFFull), apart = 0, step = 0;
        if (table[slot])
            apart = place - (long)(keys[table[slot] - 1] & 0xFFFFFFull);
        table[slot] = (unsigned int)(i + 1);
        if (apart < shortest || apart > longest)
            continue;
        while (step < probe && x[place + step] == x[place + step - apart])
            step++;
        if (step == probe) {
            late[found] = place;
            lag[found++] = apart;
        }
    }
    return found;
}

/* How many of places (count, ascending) lie from reach before each to reach behind it, the last excluded. */
EXPORT void count_near(const long *restrict places, long count, long reach, long *restrict near)
{
    long first = 0, last = 0;
    for (long i = 0; i < count; i++) {
        while (places[first] < places[i] - reach)
            first++;
        while (last < count && places[last] < places[i] + reach)
            last++;
        near[i] = last - first;
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

/* How many of 128 signs differ, in each of count pairs of words: early[i] from one, late[i] from two. */
static inline __attribute__((always_inline)) void count_differing(const unsigned long long *restrict early,
                                                                  const unsigned long long *restrict late,
                                                                  unsigned long long one, unsigned long long two,
                                                                  long count, long long *restrict differing)
{
    const unsigned long long ones = 0x5555555555555555ull, twos = 0x3333333333333333ull, fours = 0x0F0F0F0F0F0F0F0Full;
    for (long i = 0; i < count; i++) { /* sums of 2, 4, then 8 neighbouring bits: compilers make vectors of this */
        unsigned long long a = early[i] ^ one, b = late[i] ^ two;
        a -= a >> 1 & ones;
        b -= b >> 1 & ones;
        a = (a & twos) + (a >> 2 & twos);
        b = (b & twos) + (b >> 2 & twos);
        a = (a & fours) + (a >> 4 & fours) + (b & fours) + (b >> 4 & fours);
        a += a >> 8;
        a += a >> 16;
        differing[i] = (long long)((a + (a >> 32)) & 0xFF);
    }
}

#define MOST_LAGS 2048

/* How like itself a sound is a short time before: for each window of words * 64 samples, one every hop * 64, the lag
   from low to high (high - low + 192 below MOST_LAGS) at which most signs of a filtered x (size) agree, and how many
   do; of several the shortest. Where fewer than 104 of the first 128 agree, a lag counts for nothing.
   Filtered: x[n] - x[n - 4]. bits (size / 64 + 2). most, lags (count): windows begin at word
   first + i * hop, at least high / 64 + 1 words in. */
EXPORT void sign_agreement(const double *restrict x, long size, long words, long hop, long first, long count, long low,
                           long high, unsigned long long *restrict bits, int *restrict most, int *restrict lags)
{
    unsigned long long shifted[MOST_LAGS];
    long long differing[MOST_LAGS];
    for (long word = 0; word < size / 64 + 2; word++)
        bits[word] = 0;
    for (long word = 0; word < size / 64; word++) {
        unsigned char signs[64] = {0};
        const double *s = x + 64 * word;
        for (long i = word ? 0 : 4; i < 64; i++)
            signs[i] = s[i] > s[i - 4];
        unsigned long long made = 0;
        for (long byte = 0; byte < 8; byte++) {
            unsigned long long eight = 0;
            for (long i = 0; i < 8; i++)
                eight |= (unsigned long long)signs[8 * byte + i] << 8 * i;
            made |= (eight * 0x0102040810204080ull >> 56) << 8 * byte; /* the lowest bits of eight bytes, side by side */
        }
        bits[word] = made;
    }
    for (long window = 0; window < count; window++) {
        const unsigned long long *here = bits + first + window * hop;
        /* The 64 signs from each sample on, from the first of a word, those of the longest lag first. */
        long start = 64 * (first + window * hop) - high, begin = start / 64, places = start - 64 * begin + high - low + 1;
        for (long word = 0; 64 * word < places + 64; word++) {
            unsigned long long one = bits[begin + word], two = bits[begin + word + 1] << 1;
            for (unsigned long long shift = 0; shift < 64; shift++)
                shifted[64 * word + shift] = one >> shift | two << (63 - shift);
        }
        count_differing(shifted, shifted + 64, here[0], here[1], places, differing);
        int best = 0, at = 0;
        for (long last = places; last > start - 64 * begin; last -= 64) {
            long from = last - 64 > start - 64 * begin ? last - 64 : start - 64 * begin, near = 0;
            for (long i = from; i < last; i++)
                near |= differing[i] <= 128 - 104;
            for (long i = near ? last - 1 : 0; i >= from; i--) {
                int same = 128 - (int)differing[i];
                if (same < 104)
                    continue;
                const unsigned long long *before = bits + begin + i / 64;
                for (long w = 2; w < words && same + 64 * (words - w) > best; w++)
                    same += 64 - __builtin_popcountll((before[w] >> i % 64 | before[w + 1] << 1 << (63 - i % 64)) ^
                                                      here[w]);
                if (same > best) {
                    best = same;
                    at = (int)(64 * (first + window * hop - begin) - i);
                }
            }
        }
        most[window] = best;
        lags[window] = at;
    }
}

/* What a dilated convolution makes of its three taps, rectified: inner (steps * width) from taps (steps * 3 * width),
   those for dilation steps later, for the step itself and for dilation steps earlier, in this order, and bias (width).
   What is added first is added first in NumPy, too, so that both say the same to the bit. */
EXPORT void merge_taps(const float *restrict taps, const float *restrict bias, long steps, long width, long dilation,
                       float *restrict inner)
{
    for (long step = 0; step < steps; step++) {
        const float *restrict here = taps + (3 * step + 1) * width;
        const float *restrict before = step >= dilation ? here - (3 * dilation + 1) * width : 0;
        const float *restrict after = step < steps - dilation ? here + (3 * dilation + 1) * width : 0;
        float *restrict out = inner + step * width;
        for (long i = 0; i < width; i++)
            out[i] = here[i] + bias[i];
        if (before)
            for (long i = 0; i < width; i++)
                out[i] += before[i];
        if (after)
            for (long i = 0; i < width; i++)
                out[i] += after[i];
        for (long i = 0; i < width; i++)
            out[i] = out[i] < 0.0f ? 0.0f : out[i];
    }
}

/* hidden (steps * width) plus more (steps * width), plus bias (width). */
EXPORT void add_biased(float *restrict hidden, const float *restrict more, const float *restrict bias, long steps,
                       long width)
{
    for (long step = 0; step < steps; step++) {
        for (long i = 0; i < width; i++)
            hidden[i] = ORDERED(hidden[i] + more[i]) + bias[i];
        hidden += width;
        more += width;
    }
}

/* Marks samples that lie on a line between their neighbours to within width, margin from either end, in flags (size),
   and counts in totals (size + 1) those before each sample. interpolated.py does the same in NumPy. */
EXPORT void mark_straight(const double *restrict x, long size, double width, long margin,
                          unsigned char *restrict flags, int *restrict totals)
{
    for (long i = 0; i < size; i++)
        flags[i] = 0;
    for (long i = margin; i < size - margin; i++) {
        double bend = x[i + 1] - x[i] - (x[i] - x[i - 1]);
        flags[i] = bend <= width && bend >= -width;
    }
    int total = 0;
    for (long i = 0; i < size; i++) {
        totals[i] = total;
        total += flags[i];
    }
    totals[size] = total;
}

/* Stretches of flags (none set at either end) with at least fewest of them, in firsts and lasts (exclusive), each
   (size): with every 1, of at least two, joined across one that is not set, and with the sample behind where it holds
   the value; with every 2, in which every other one is set and at most share times as many between them. */
EXPORT long straight_stretches(const double *restrict x, const unsigned char *restrict flags,
                               const int *restrict totals, long size, long every, long fewest, double share,
                               long *restrict firsts, long *restrict lasts)
{
    long found = 0;
    for (long phase = 0; phase < every; phase++) {
        long begin = -1, end = -1;
        for (long i = phase; i < size + every; i += every) {
            if (i < size && !flags[i])
                continue;
            long first = i;
            while (i < size && flags[i])
                i += every;
            if (every == 1) {
                if (first < size && i - first < 2)
                    continue;
                if (begin >= 0 && first < size && first - end <= 1) {
                    end = i;
                    continue;
                }
                if (begin >= 0) {
                    end += x[end - 1] == x[end];
                    if (end - begin >= fewest) {
                        firsts[found] = begin;
                        lasts[found++] = end;
                    }
                }
                begin = first;
                end = i;
            } else if (first < size) {
                long count = (i - first) / 2;
                if (count >= fewest && totals[i - 1] - totals[first] - count <= share * count) {
                    firsts[found] = first;
                    lasts[found++] = i - 1;
                }
            }
        }
    }
    return found;
}
