"""The words for what can happen to a recording. Nothing heavy is loaded for them."""

from __future__ import annotations

SIMPLE = ("zeros", "constant", "nan", "repeat", "dropout", "treble", "click", "noise", "windows")
"""Damages of :mod:`.simulate`."""

PACKET_FILLS = ("zeros", "repeat", "g711")
"""What a receiver plays for lost packets: see :mod:`.packet_loss`."""

BUFFER_FAULTS = ("repeated", "stale", "dropped", "zeroed")
"""What a program does with a buffer: see :mod:`.buffers`."""

CODECS = ("mp3", "aac", "vorbis", "opus")
"""See :mod:`.codecs`, and :mod:`.codec_loss` for their packets."""

DISC_METHODS = ("mean", "hold", "mute")
"""What a CD or DAT player puts in place of what it cannot read: see :mod:`.disc`."""

CLICK_TAILS = ("thump", "ringing", "switching")
"""What follows a click: see :mod:`.clicks`."""

FAMILIES = (
    *SIMPLE,
    "tape",
    *(f"packets-{fill}" for fill in PACKET_FILLS),
    *(f"codec-{codec}" for codec in CODECS),
    *(f"buffers-{fault}" for fault in BUFFER_FAULTS),
    *(f"disc-{method}" for method in DISC_METHODS),
    *(f"clicks-{tail}" for tail in CLICK_TAILS),
    "slips",
)
"""All damage, for :func:`~restore_audio.damage.families.draw_family`."""

PROCESSES = ("resample", "rate", "dither", "gain", "noise", "dc", "lowpass", "8bit", "mulaw")
"""``resample`` to another rate and back, ``rate`` to another rate for good, ``gain`` with a little noise,
``dc`` an offset: see :mod:`.processed`."""

AFTER_STEPS = (*PROCESSES, *CODECS)
"""What can be done after the damage, for :func:`~restore_audio.damage.families.draw_after`."""

GATES = ("gate", "expander", "rhythmic_gate", "ducked", "stops")
SOUNDS = (
    *("gated_synthesiser", "side_chained_pad", "staccato", "chiptune"),
    *("castanets", "applause", "hi_hats", "crackle"),
)
NEGATIVES = (*GATES, *SOUNDS, "crackle_bed", "8bit", "8bit_dithered", "mulaw", *CODECS)
"""Undamaged sorts. Gates, the bed of crackle, rounding and codecs are done to the recording; the other sounds
replace it: see :mod:`.negatives`."""

UNDAMAGED = tuple(f"undamaged-{sort}" for sort in NEGATIVES)
"""The same, as kinds beside :data:`FAMILIES`."""
