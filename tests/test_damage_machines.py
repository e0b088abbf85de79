"""Each simulated machine does what the real one does."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

from recordings import music
from restore_audio.damage import libopus
from restore_audio.damage.buffers import Buffer, Buffers
from restore_audio.damage.clicks import Click, Clicks
from restore_audio.damage.codec_loss import DIFFERENCE_DB, LOSSES, PACKET_SAMPLES, CodecLoss
from restore_audio.damage.codecs import Encoded
from restore_audio.damage.disc import Disc, Unread
from restore_audio.damage.families import FAMILIES, UNDAMAGED, apply, draw_family
from restore_audio.damage.negatives import Negative
from restore_audio.damage.packet_loss import PacketLoss
from restore_audio.damage.processed import Processed, Resampled
from restore_audio.damage.slips import Slip, Slips
from restore_audio.damage.tape import Dropout, Tape
from restore_audio.errors import UsageError

RATE_HZ = 48_000


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return 0.1 * np.random.default_rng(8).standard_normal((2, 2 * RATE_HZ))


@pytest.fixture(scope="module")
def tones() -> np.ndarray:
    """Two channels of harmonic tones over a little noise: what a codec codes well."""
    time = np.arange(2 * RATE_HZ) / RATE_HZ
    sound = sum(np.sin(2 * np.pi * 220 * k * time + k) / k for k in range(1, 12))
    return 0.15 * np.stack([sound, 0.7 * sound]) + 0.001 * np.random.default_rng(1).standard_normal(
        (2, time.size)
    )


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)[None]


def level_db(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.std(samples)))


class TestTape:
    @pytest.mark.parametrize(("hz", "share"), [(1000, 0.2), (2500, 0.5), (5000, 1.0), (10_000, 2.0)])
    def test_loss_in_db_grows_with_frequency(self, hz, share):
        flat = Dropout(10_000, 30_000, 0, depth_db=20.0, plateau=0.8)
        clean = tone(hz)
        made = apply(Tape((flat,)), clean, RATE_HZ).samples
        middle = np.s_[0, 18_000:22_000]
        assert level_db(made[middle]) - level_db(clean[middle]) == pytest.approx(-20 * share, abs=0.3)

    def test_a_loss_of_level_takes_the_bass_too(self):
        clean = tone(200)
        dropout = Dropout(10_000, 30_000, 0, depth_db=20.0, level_db=15.0, plateau=0.8)
        made = apply(Tape((dropout,)), clean, RATE_HZ)
        middle = np.s_[0, 18_000:22_000]
        expected = -15 - 5 * 200 / 5000
        assert level_db(made.samples[middle]) - level_db(clean[middle]) == pytest.approx(expected, abs=0.3)
        assert [span.kind for span in made.spans] == ["dropout"]

    def test_the_bell_is_where_the_record_says_and_the_span_where_1_db_is_lost(self, noise):
        dropout = Dropout(20_000, 30_000, 1, depth_db=12.0, skew=0.3)
        made = apply(Tape((dropout,)), noise, RATE_HZ)
        changed = np.flatnonzero((made.samples != noise).any(axis=0))
        assert 20_000 <= changed[0] < 20_100
        assert 29_900 < changed[-1] < 30_000
        assert np.array_equal(made.samples[0], noise[0])
        (span,) = made.spans
        loss_db = dropout.bell() * 12
        assert (span.kind, span.channel) == ("treble", 1)
        assert loss_db[span.start - 20_000] >= 1 > loss_db[span.start - 20_001]
        assert loss_db[span.end - 20_001] >= 1 > loss_db[span.end - 20_000]
        assert abs(20_000 + np.argmax(dropout.bell()) - 23_000) < 100  # three tenths of the length

    def test_noise_comes_in_at_its_level(self):
        dropout = Dropout(10_000, 30_000, 0, 90.0, 90.0, plateau=0.8, noise_db=-30.0, seed=3)
        clean = tone(440)
        made = apply(Tape((dropout,)), clean, RATE_HZ).samples[0, 18_000:22_000]
        assert level_db(made) - level_db(clean) == pytest.approx(-30, abs=1)


class TestPackets:
    def test_what_the_receiver_plays(self, noise):
        def filled(fill: str):
            return apply(PacketLoss(480, (50, 51, 70), fill), noise, RATE_HZ)

        zeros, repeat = filled("zeros"), filled("repeat")
        assert [(s.start, s.end) for s in zeros.spans if s.channel == 0] == [
            (24_000, 24_960),
            (33_600, 34_080),
        ]
        assert not zeros.samples[:, 24_000:24_960].any()
        assert np.array_equal(repeat.samples[:, 24_000:24_480], noise[:, 23_520:24_000])
        assert np.array_equal(repeat.samples[:, 24_480:24_960], noise[:, 23_520:24_000])
        assert {s.kind for s in repeat.spans} == {"repeat"}

    def test_g711_goes_on_with_the_pitch_and_fades(self):
        clean = tone(160)  # a period of 300 samples, between 5 and 15 ms
        made = apply(PacketLoss(480, tuple(range(50, 58)), "g711"), clean, RATE_HZ)
        (span,) = made.spans
        assert span.kind == "concealed"
        assert 24_000 - 180 <= span.start < 24_000  # a quarter of the period is blended before
        assert 27_840 < span.end <= 27_840 + 480  # and up to 10 ms after
        outside = np.ones(clean.shape[1], dtype=bool)
        outside[span.start : span.end] = False
        assert np.array_equal(made.samples[0, outside], clean[0, outside])
        gap = made.samples[0, 24_000:27_840]
        assert np.max(np.abs(gap[:480] - clean[0, 24_000:24_480])) < 0.01  # full level for 10 ms
        for start_ms, gain in ((15, 0.9), (25, 0.7), (35, 0.5), (45, 0.3), (55, 0.1)):
            middle = slice(48 * start_ms - 150, 48 * start_ms + 150)  # a period around
            assert np.std(gap[middle]) == pytest.approx(gain * np.std(clean), rel=0.05)
        assert not gap[2880:].any()  # silent from 60 ms on

    def test_g711_makes_no_jump_at_its_ends(self):
        clean = tone(330) + tone(495) * 0.5
        made = apply(PacketLoss(960, (20, 21), "g711"), clean, RATE_HZ)
        steepest = np.max(np.abs(np.diff(clean)))
        assert np.max(np.abs(np.diff(made.samples))) < 1.2 * steepest


class TestBuffers:
    def test_each_fault(self, noise):
        buffers = Buffers(
            (
                Buffer(10_000, 11_024, "repeated", 512),
                Buffer(20_000, 20_256, "stale", 9_000),
                Buffer(30_000, 30_064, "dropped"),
                Buffer(40_000, 41_000, "zeroed"),
            )
        )
        made = apply(buffers, noise, RATE_HZ, reference=True)
        samples = made.samples
        assert samples.shape[1] == noise.shape[1] - 64
        assert np.array_equal(samples[:, 10_000:10_512], noise[:, 9_488:10_000])
        assert np.array_equal(samples[:, 10_512:11_024], noise[:, 9_488:10_000])
        assert np.array_equal(samples[:, 20_000:20_256], noise[:, 11_000:11_256])
        assert np.array_equal(samples[:, 30_000:39_936], noise[:, 30_064:40_000])
        assert not samples[:, 39_936:40_936].any()
        assert [(s.start, s.end, s.kind) for s in made.spans if s.channel == 1] == [
            (10_000, 11_024, "repeat"),
            (20_000, 20_256, "repeat"),
            (29_999, 30_001, "splice"),
            (39_936, 40_936, "zeros"),
        ]
        assert np.array_equal(made.clean[:, 30_000:], noise[:, 30_064:])

    def test_stale_content_is_at_most_two_seconds_old(self):
        audio = 0.1 * np.random.default_rng(0).standard_normal((1, 8 * RATE_HZ))
        distances = []
        for seed in range(8):
            record = draw_family(np.random.default_rng(seed), "buffers-stale", audio, RATE_HZ, per_second=1.0)
            distances += [b.distance_samples - (b.end - b.start) for b in record.buffers]
        assert min(distances) > 0
        assert RATE_HZ < max(distances) < 2 * RATE_HZ

    def test_slips_lose_and_double(self, noise):
        made = apply(
            Slips((Slip(1000, 1010), Slip(5000, 5020, doubled=True))), noise, RATE_HZ, reference=True
        )
        assert np.array_equal(
            made.samples, np.concatenate([noise[:, :1000], noise[:, 1010:5020], noise[:, 5000:]], axis=1)
        )
        assert np.array_equal(made.clean, made.samples)
        assert [(s.start, s.end) for s in made.spans if s.channel == 0] == [(999, 1001), (5009, 5011)]
        assert {s.kind for s in made.spans} == {"splice"}

    def test_a_cut_moves_the_damage_that_was_there_before(self, noise):
        zeros = PacketLoss(480, (10, 30), "zeros")
        made = apply([zeros, Slips((Slip(6000, 6040),))], noise, RATE_HZ, reference=True)
        silent = [(s.start, s.end) for s in made.spans if s.kind == "zeros" and s.channel == 0]
        assert silent == [(4800, 5280), (14_360, 14_840)]
        assert not made.samples[:, 14_360:14_840].any()
        assert np.array_equal(made.clean[:, 14_360:14_840], noise[:, 14_400:14_880])


class TestDisc:
    def test_what_players_make_up(self, noise):
        errors = (
            Unread(1000, 1001, 0, "mean"),
            Unread(2000, 2007, 0, "mean"),
            Unread(3000, 3012, 0, "hold", 5),
            Unread(4000, 4100, 1, "mute", 10),
        )
        made = apply(Disc(errors), noise, RATE_HZ)
        left, right = made.samples
        assert left[1000] == (noise[0, 999] + noise[0, 1001]) / 2
        assert np.array_equal(left[2001:2007:2], noise[0, 2001:2007:2])
        assert np.allclose(left[2000:2007:2], (noise[0, 1999:2006:2] + noise[0, 2001:2008:2]) / 2)
        assert np.all(left[3000:3007] == noise[0, 2999])
        assert np.allclose(np.diff(left[3006:3013]), (noise[0, 3012] - noise[0, 2999]) / 6)
        assert not right[4010:4090].any()
        assert np.allclose(right[4000:4010], noise[1, 4000:4010] * np.arange(10, 0, -1) / 11)
        assert [s.kind for s in made.spans] == ["interpolated"] * 3 + ["zeros"]

    def test_lengths_are_those_of_players(self, noise):
        holds = draw_family(
            np.random.default_rng(0), "disc-hold", np.tile(noise, 20), RATE_HZ, per_second=1.5
        )
        assert len(holds.unread) > 40
        assert all(3 <= e.ramp_samples <= 10 and e.end - e.start >= e.ramp_samples + 2 for e in holds.unread)
        mutes = draw_family(
            np.random.default_rng(0), "disc-mute", np.tile(noise, 20), RATE_HZ, per_second=1.5
        )
        assert all(7 <= e.end - e.start <= 1300 for e in mutes.unread)
        heard = apply(mutes, np.full((2, 20 * noise.shape[1]), 0.5), RATE_HZ).samples
        assert all((heard[e.channel, e.start : e.end] == 0.0).any() for e in mutes.unread)
        channels = [
            tuple(e.channel for e in group) for _, group in itertools.groupby(mutes.unread, lambda e: e.start)
        ]
        assert {(0,), (1,), (0, 1)} == set(channels)


class TestClicks:
    def click(self, tail: str, hz: float, length: int, **fields) -> np.ndarray:
        click = Click(1000, 1000 + length, 0, 24, 0.5, tail, 0.2, hz, **fields)
        made = apply(Clicks((click,)), np.zeros((1, 20_000)), RATE_HZ)
        assert [(s.start, s.end, s.kind) for s in made.spans] == [(1000, 1000 + length, "click")]
        assert not made.samples[0, :1000].any()
        assert not made.samples[0, 1000 + length :].any()
        return made.samples[0, 1000 : 1000 + length]

    def test_a_thump_is_a_low_decaying_tone(self):
        sound = self.click("thump", 40.0, 6000)
        tail = sound[24:]
        spectrum = np.abs(np.fft.rfft(tail, 1 << 16)) ** 2
        hz = np.fft.rfftfreq(1 << 16, 1 / RATE_HZ)
        assert spectrum[(hz > 8) & (hz < 90)].sum() > 0.9 * spectrum.sum()
        assert np.max(np.abs(tail[-600:])) < 0.05 * np.max(np.abs(tail))
        assert np.max(np.abs(tail)) > 0.1

    def test_ringing_has_its_frequency(self):
        tail = self.click("ringing", 3000.0, 1500)[24:]
        hz = np.fft.rfftfreq(1 << 16, 1 / RATE_HZ)
        assert 2300 < hz[np.argmax(np.abs(np.fft.rfft(tail, 1 << 16)))] < 3100

    def test_a_switch_jumps_and_settles_to_one_side(self):
        tail = self.click("switching", 15.0, 3000)[24:]
        assert tail.min() >= 0
        assert tail[0] > 0.15
        assert np.all(np.diff(tail) <= 0)


class TestCodecs:
    @pytest.mark.parametrize("channels", [1, 2, 3])
    @pytest.mark.parametrize("codec", ["mp3", "aac", "vorbis", "opus"])
    @pytest.mark.parametrize("rate_hz", [22_050, 44_100, 48_000])
    def test_decoded_audio_is_in_place(self, codec, channels, rate_hz):
        rng = np.random.default_rng(2)
        steps = np.cumsum(rng.standard_normal(30_000))
        clean = np.diff(np.convolve(steps, np.hanning(30), "same"), prepend=0) / 60 * np.ones((channels, 1))
        made = apply(Encoded(codec, 192), clean, rate_hz).samples
        assert made.shape == clean.shape
        for channel in range(channels):
            error = made[channel] - clean[channel]
            # a delay of one sample alone would leave an error at -13 dB
            assert 10 * np.log10(np.mean(clean**2) / np.mean(error[500:-2500] ** 2)) > 15

    def test_a_lower_bitrate_loses_more(self, tones):
        def error(kbps: int) -> float:
            return float(np.std(apply(Encoded("mp3", kbps), tones, RATE_HZ).samples - tones))

        assert error(32) > 2 * error(256)

    def test_without_pyav_it_is_a_sentence(self, tones, monkeypatch):
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(UsageError, match=r"pip install av"):
            apply(Encoded("aac", 128), tones, RATE_HZ)
        assert apply(Encoded("vorbis", 128), tones, RATE_HZ).samples.shape == tones.shape


CASES = [(codec, loss) for codec, losses in LOSSES.items() for loss in losses]


class TestCodecLoss:
    @pytest.mark.parametrize(("codec", "loss"), CASES)
    def test_the_damage_is_where_the_packet_was_and_nowhere_else(self, codec, loss, tones):
        size = PACKET_SAMPLES[codec]
        at = 40 * size + size // 2
        made = apply(CodecLoss(codec, 128, loss, (at,), seed=1), tones, RATE_HZ, reference=True)
        assert made.spans
        assert all(abs(s.start - at) < 5 * size and abs(s.end - at) < 5 * size for s in made.spans)
        channels = {s.channel for s in made.spans}
        assert channels == {0, 1} or (loss == "corrupted" and channels)
        shifted = tones.shape[1] - made.samples.shape[1]
        kinds = {s.kind for s in made.spans}
        if loss == "skipped":
            assert shifted > 0
            assert shifted % size == 0 or codec == "vorbis"
            assert "splice" in kinds
        else:
            assert shifted in (0, size) if loss == "corrupted" else shifted == 0
        inside = np.zeros(made.samples.shape, dtype=bool)
        for span in made.spans:
            inside[span.channel, span.start : span.end] = True
        difference = made.samples - made.clean
        allowed = 10 ** (DIFFERENCE_DB / 20) * np.std(made.clean)
        assert np.std(difference[~inside]) < allowed
        if kinds != {"splice"}:
            assert np.std(difference[inside]) > allowed
        if loss == "muted":
            quiet = made.samples[0, at - 20 : at + 20]
            assert np.std(quiet) < 0.05 * np.std(tones)

    def test_opus_conceals_with_sound_and_not_with_silence(self, tones):
        lost = (48_480,)
        concealed = apply(CodecLoss("opus", 96, "concealed", lost), tones, RATE_HZ, reference=True)
        inside = np.s_[0, 47_900:48_500]
        assert np.std(concealed.samples[inside]) > 0.5 * np.std(tones[inside])
        muted = apply(CodecLoss("opus", 96, "muted", lost), tones, RATE_HZ)
        assert np.std(muted.samples[inside]) < 0.05 * np.std(tones[inside])
        assert {s.kind for s in concealed.spans} == {"concealed"}

    def test_opus_fades_when_nothing_comes(self, tones):
        lost = tuple(range(40 * 960, 70 * 960, 960))
        made = apply(CodecLoss("opus", 96, "concealed", lost), tones, RATE_HZ).samples
        assert np.std(made[0, 66 * 960 : 69 * 960]) < 0.3 * np.std(made[0, 30 * 960 : 39 * 960])

    def test_mpg123_skips_as_many_samples(self, tones):
        loss = CodecLoss("mp3", 128, "skipped", (40_000,), decoder="mpg123")
        made = apply(loss, tones, RATE_HZ, reference=True)
        assert made.samples.shape[1] == tones.shape[1] - 1152
        clean = apply(CodecLoss("mp3", 128, "skipped", (), decoder="mpg123"), tones, RATE_HZ).samples
        error = clean - apply(Encoded("mp3", 128), tones, RATE_HZ).samples
        assert np.std(error[:, 2000:-2000]) < 1e-4  # two decoders of one stream, in the same place

    def test_at_another_rate_than_the_codecs_the_length_stays(self):
        clean = 0.3 * np.random.default_rng(1).standard_normal((1, 70_001))
        made = apply(CodecLoss("opus", 64, "concealed", (40_000,)), clean, 44_100, reference=True)
        assert made.samples.shape == clean.shape == made.clean.shape
        assert made.rate_hz == 44_100
        (first, *_) = made.spans
        assert abs(first.start / 44_100 - 40_000 / 48_000) < 0.03

    def test_without_libopus_it_is_a_sentence(self, tones, monkeypatch):
        monkeypatch.setattr(libopus, "_candidates", lambda: iter(["/nowhere/libopus.so"]))
        libopus._library.cache_clear()
        with pytest.raises(UsageError, match="libopus"):
            apply(CodecLoss("opus", 96, "concealed", (40_000,)), tones, RATE_HZ)
        monkeypatch.undo()
        libopus._library.cache_clear()
        assert libopus.decode_opus([], 2, 960).shape == (2, 0)


class TestProcessed:
    def test_each_process(self, noise):
        def through(**fields) -> np.ndarray:
            return apply(Processed(**fields), noise, RATE_HZ).samples

        assert np.allclose(through(gain_db=-6.0), noise * 10 ** (-0.3))
        assert np.allclose(through(offset=0.02), noise + 0.02)
        assert np.std(through(noise_dbfs=-50.0) - noise) == pytest.approx(10**-2.5, rel=0.02)
        assert np.array_equal(through(bits=8) * 128, np.round(through(bits=8) * 128))
        error = through(bits=8, dithered=True, seed=1) - noise
        assert np.std(error) * 128 == pytest.approx(0.5, rel=0.03)  # two sorts of noise of the step's size
        assert len(np.unique(through(mu_law=True))) <= 255
        assert np.std(through(mu_law=True) - noise) < 0.03 * np.std(noise)

    @pytest.mark.parametrize("taps", [0, 129])
    def test_the_low_pass_passes_the_low(self, taps):
        low, high = (
            apply(Processed(cutoff_hz=5000.0, taps=taps), tone(hz), RATE_HZ).samples[0, 2000:-2000]
            for hz in (500, 15_000)
        )
        assert np.std(low) == pytest.approx(np.std(tone(500)), rel=0.02)
        assert np.std(high) < 0.05 * np.std(tone(15_000))

    def test_spans_follow_the_rate(self, noise):
        zeros = PacketLoss(480, (50,), "zeros")
        made = apply([zeros, Resampled((44_100,))], noise, RATE_HZ, reference=True)
        assert made.rate_hz == 44_100
        assert made.samples.shape == made.clean.shape == (2, round(noise.shape[1] * 44.1 / 48))
        span = made.spans[0]
        assert (span.start, span.end) == (22_050, 22_491)
        assert np.std(made.samples[0, span.start + 100 : span.end - 100]) < 1e-3 * np.std(noise)


class TestNegatives:
    def made(self, sort: str, audio: np.ndarray, seed: int = 3) -> np.ndarray:
        return apply(Negative(sort, seed, kbps=32), audio, RATE_HZ).samples

    def test_gates_close_and_open(self, tones):
        time = np.arange(tones.shape[1]) / RATE_HZ
        speech = tones * (0.02 + np.clip(np.sin(2 * np.pi * 2 * time), 0, 1))
        for sort in ("gate", "expander", "rhythmic_gate", "ducked", "stops"):
            shares = []
            for seed in range(4):
                ratio = np.abs(self.made(sort, speech, seed)) / np.maximum(np.abs(speech), 1e-9)
                loud = np.abs(speech) > 0.0005
                shares.append((np.mean(ratio[loud] < 0.7), np.mean(ratio[loud] > 0.95)))
            assert max(closed for closed, _ in shares) > 0.02, sort
            assert max(opened for _, opened in shares) > 0.1, sort

    @pytest.mark.parametrize("seed", range(20))
    def test_a_gate_closes_in_music_that_is_never_quiet_for_long(self, seed):
        audio = music(3.0, RATE_HZ)
        gain = np.abs(self.made("gate", audio, seed)) / np.maximum(np.abs(audio), 1e-12)
        assert np.mean(gain[np.abs(audio) > 1e-3] < 0.11) > 0.02  # 20 dB less, or nothing

    def test_sounds_have_what_misleads(self, noise):
        assert np.mean(self.made("staccato", noise) == 0) > 0.05
        chip = self.made("chiptune", noise)[0]
        assert np.mean(np.diff(chip) == 0) > 0.3  # constant runs
        crackle = self.made("crackle", noise)[0]
        assert np.max(np.abs(crackle)) > 6 * np.std(crackle)
        for sort in ("castanets", "applause"):
            sound = self.made(sort, noise)[0]
            assert np.max(np.abs(sound)) > 4 * np.std(sound), sort
        hats = self.made("hi_hats", noise)[0]
        spectrum = np.abs(np.fft.rfft(hats)) ** 2
        assert spectrum[np.fft.rfftfreq(hats.size, 1 / RATE_HZ) > 3500].sum() > 0.2 * spectrum.sum()

    def test_a_crackle_bed_lies_under_the_music(self, tones):
        assert 0 < np.std(self.made("crackle_bed", tones) - tones) < 0.3 * np.std(tones)


@pytest.mark.parametrize("rate_hz", [8_000, 96_000])
@pytest.mark.parametrize("silent", [False, True])
def test_any_rate_channels_and_silence_will_do(rate_hz, silent):
    audio = 0.2 * np.random.default_rng(0).standard_normal((3, rate_hz)) * (not silent)
    for family in (*FAMILIES, *UNDAMAGED):
        record = draw_family(np.random.default_rng(1), family, audio, rate_hz, per_second=2.0)
        made = apply(record, audio, rate_hz, reference=True)
        assert made.samples.shape == made.clean.shape, family
        assert np.nanmax(np.abs(made.samples)) <= 1.0, family
        assert all(s.end <= made.samples.shape[1] and s.channel < 3 for s in made.spans), family
        if silent:
            assert made.spans == (), family


@pytest.mark.parametrize("family", FAMILIES)
def test_damage_keeps_away_from_what_is_damaged_already(family):
    audio = 0.1 * np.random.default_rng(0).standard_normal((2, 6 * RATE_HZ))
    first = apply(PacketLoss(480, (200, 400), "zeros"), audio, RATE_HZ)
    record = draw_family(np.random.default_rng(1), family, audio, RATE_HZ, per_second=2.0, avoid=first.spans)
    added = apply(record, audio, RATE_HZ).spans
    assert added
    if family.startswith("codec"):  # what a decoder makes of it may last longer than was lost
        assert record.lost_samples
        edges = np.array([edge for span in first.spans for edge in (span.start, span.end)])
        assert np.min(np.abs(np.array(record.lost_samples)[:, None] - edges)) > 0.08 * RATE_HZ
        return
    shifted = record.apply(first).spans
    kept = [s for s in shifted if s.kind == "zeros" and s.end - s.start == 480]
    others = [s for s in shifted if s not in kept]
    assert len(others) >= len(added) - 2
    apart = round(0.08 * RATE_HZ)
    assert all(a.end + apart <= b.start or b.end + apart <= a.start for a in others for b in kept)
