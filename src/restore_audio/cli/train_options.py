"""The options of ``restore-audio train``, each with its one line of help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from ..network.networks import NETWORKS
from ..settings import (
    DEVICES,
    LevelName,
    LossName,
    PrefillName,
    SamplingName,
    ScheduleName,
    SightName,
    TaskName,
)
from .options import choice

DATA = "Music"
WHAT = "What is trained"
BUDGET = "How long (one of them)"
PROTOCOL = "How"
PAPER = "How, in the paper's task only"
RESTORE = "How, in the restore task only"
RUN = "The run"

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DIR",
        help="FMA's folder, genre/track files, or a cache of 'data prepare'.",
        rich_help_panel=DATA,
    ),
]
Validation = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Music to validate on; else FMA's split, or one track in ten.",
        rich_help_panel=DATA,
    ),
]
Genres = Annotated[
    list[str] | None,
    typer.Option("--genre", metavar="NAME", help="Only this genre.", rich_help_panel=DATA),
]
Split = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="FMA's split: read if it exists, else drawn and written.", rich_help_panel=DATA
    ),
]
FillCount = Annotated[
    int | None,
    typer.Option(
        "--fills",
        metavar="N",
        min=1,
        help="Gaps filled by AR ahead of training (restore task); otherwise an eighth of the patches of "
        "the budget, at most 100,000.",
        rich_help_panel=DATA,
    ),
]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs", "-j", metavar="N", min=1, help="Processes that make AR fills.", rich_help_panel=DATA
    ),
]

Network = Annotated[
    str,
    choice(
        NETWORKS,
        text="The paper's six, what it meant to try, and tfnet and context-encoder for tasks of their own; "
        "res-unet-v2 is the one that ships.",
        panel=WHAT,
    ),
]
Task = Annotated[
    TaskName,
    choice(
        get_args(TaskName),
        text="restore: what 'fix' uses. paper: random frames lost, as in the paper. super-resolution: a lost "
        "upper band. context-encoder: 64 ms at 16 kHz.",
        panel=WHAT,
    ),
]
Width = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=256,
        help="Filters of the first level; the paper has 32.",
        rich_help_panel=WHAT,
    ),
]

Minutes = Annotated[
    float,
    typer.Option(
        metavar="MINUTES",
        min=0.0,
        show_default=False,
        help="Minutes to train, over resumed parts too.",
        rich_help_panel=BUDGET,
    ),
]
Epochs = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0.0,
        show_default=False,
        help="Times through the training patches.",
        rich_help_panel=BUDGET,
    ),
]
Examples = Annotated[
    int, typer.Option(metavar="N", min=0, show_default=False, help="Patches to see.", rich_help_panel=BUDGET)
]

Batch = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        help="Patches of a step, over all processes; the paper has 58.",
        rich_help_panel=PROTOCOL,
    ),
]
LearningRate = Annotated[
    float,
    typer.Option(
        metavar="X", min=1e-7, max=1.0, help="Adam's learning rate, at its highest.", rich_help_panel=PROTOCOL
    ),
]
Schedule = Annotated[
    ScheduleName,
    choice(
        get_args(ScheduleName), text="Warm-up and cosine decay, or fixed as in the paper.", panel=PROTOCOL
    ),
]
Power = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        min=0.1,
        max=1.0,
        help="Exponent that compresses magnitudes (1 in the paper); else 0.5, or 0.3 to restore.",
        rich_help_panel=PROTOCOL,
    ),
]
Average = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0.0,
        max=0.99999,
        help="Decay of the weights' moving average, which is what is kept.",
        rich_help_panel=PROTOCOL,
    ),
]
ClipNorm = Annotated[
    float, typer.Option(metavar="X", min=1e-3, help="Largest norm of a gradient.", rich_help_panel=PROTOCOL)
]
Bf16 = Annotated[
    bool,
    typer.Option(
        help="Convolutions in bfloat16: twice as fast where the processor knows it.", rich_help_panel=PROTOCOL
    ),
]
Seed = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="Seed of weights, examples and splits.", rich_help_panel=PROTOCOL),
]

Level = Annotated[
    LevelName,
    choice(
        get_args(LevelName),
        text="Divide a patch by its own level, or all by one number as in the paper.",
        panel=PAPER,
    ),
]
Prefill = Annotated[
    PrefillName,
    choice(
        get_args(PrefillName),
        text="What the network finds in lost frames: a straight line, or nothing.",
        panel=PAPER,
    ),
]
Loss = Annotated[
    LossName,
    choice(get_args(LossName), text="The PSNR itself, or mse as in the paper.", panel=PAPER),
]
Sampling = Annotated[
    SamplingName,
    choice(get_args(SamplingName), text="Cut patches anywhere, or on the paper's grid.", panel=PAPER),
]

Sight = Annotated[
    SightName,
    choice(
        get_args(SightName),
        text="What the network sees at once: 8 kHz for 512 ms, or all tiles for 1,024 ms.",
        panel=RESTORE,
    ),
]
LogLoss = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0.0,
        help="Weight of the difference of log magnitudes, beside that of compressed ones.",
        rich_help_panel=RESTORE,
    ),
]
ConsistencyLoss = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0.0,
        help="Weight of the error that is left when the magnitudes have become sound.",
        rich_help_panel=RESTORE,
    ),
]

Run = Annotated[
    Path | None,
    typer.Option(
        "--run",
        "--run-folder",  # torchrun takes a --run for its own --run-path, even behind the module's name
        metavar="DIR",
        help="Folder for all that is written; else runs/TASK-NETWORK.",
        rich_help_panel=RUN,
    ),
]
Work = Annotated[
    Path,
    typer.Option(metavar="DIR", help="Folder for decoded music and AR fills; kept.", rich_help_panel=RUN),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the run's checkpoint.", rich_help_panel=RUN)
]
Device = Annotated[str, choice(DEVICES, text="Where the network runs.", panel=RUN)]
Threads = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, help="CPU threads of each process; 0 lets PyTorch choose.", rich_help_panel=RUN
    ),
]
ValidateMinutes = Annotated[
    float, typer.Option(metavar="MINUTES", min=0.01, help="Minutes between validations.", rich_help_panel=RUN)
]
ValidateExamples = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, help="Patches between validations, instead of minutes.", rich_help_panel=RUN
    ),
]
CheckpointMinutes = Annotated[
    float, typer.Option(metavar="MINUTES", min=0.01, help="Minutes between checkpoints.", rich_help_panel=RUN)
]
ReportSteps = Annotated[
    int, typer.Option(metavar="N", min=1, help="Steps between two lines of metrics.", rich_help_panel=RUN)
]
TensorBoard = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help="Write curves, spectrograms and sounds for TensorBoard to the run's folder.",
        rich_help_panel=RUN,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel=RUN)]
