"""How trainings converged, one picture, like Figure 7 of Serra et al. 2021.

In: the ``metrics.jsonl`` of one run or several. Out: a PNG with the validation score above and the loss
below, over the patches seen. matplotlib is an extra (``plots``).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..files import beside
from ..train.metrics_log import read_metrics

SCORES = {
    "psnr_db": "PSNR of validation patches, dB",
    "lsd_gain_db": "spectral distance won over\nmax(AR, interpolated), dB",
}


def plot_convergence(metrics: Sequence[Path], target: Path, score_name: str) -> Path | None:
    """Draw validation score and loss.

    Args:
        metrics: ``metrics.jsonl`` of each run; a run is called by its folder.
        target: the PNG; replaced.
        score_name: the metric of validations that is drawn.

    Returns:
        ``target``, or None when matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        return None
    # The object interface: pyplot would look for a display and leave figures behind.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    names: list[str] = []
    figure = Figure(figsize=(8.0, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    score_axes, loss_axes = figure.subplots(2, 1, sharex=True)
    for path in metrics:
        lines = read_metrics(path)
        validations = [line for line in lines if "validation" in line]
        steps = [line for line in lines if "loss" in line]
        name = path.resolve().parent.name
        names.append(name)
        scores = [line["validation"][score_name] for line in validations]
        if scores:
            best = max(scores)
            (curve,) = score_axes.plot(
                _patches(validations), scores, marker="o", markersize=4, label=f"{name}, best {best:.3g}"
            )
            at = scores.index(best)
            score_axes.plot(_patches(validations)[at], best, "*", markersize=11, color=curve.get_color())
        loss_axes.plot(_patches(steps), [line["loss"] for line in steps], linewidth=1, label=name)
    figure.suptitle(f"How the training of {', '.join(names)} converged")
    score_axes.set_ylabel(SCORES.get(score_name, score_name))
    loss_axes.set_ylabel("loss of the training batches")
    loss_axes.set_xlabel("patches seen")
    loss_axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    for axes in (score_axes, loss_axes):
        axes.ticklabel_format(axis="y", useOffset=False, style="plain")
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small")
    with beside(target) as part:
        figure.savefig(part, format="png", dpi=110)
    return target


def _patches(lines: Sequence[dict[str, Any]]) -> list[float]:
    return [line["examples"] for line in lines]
