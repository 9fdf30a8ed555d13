"""The options that several commands share, one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        show_default=False,
        help="A network (state_dict or safetensors; see --model) or a graph that `export` wrote.",
    ),
]
NetworkFile = Annotated[
    Path, typer.Argument(metavar="FILE", show_default=False, help="A network: state_dict or safetensors; see --model.")
]
Exported = Annotated[
    Path,
    typer.Argument(
        metavar="GRAPH",
        show_default=False,
        help="A graph: a folder that `export` wrote or of two plain CSV tables; .parquet, .gexf, .graphml or .npz.",
    ),
]

Model = Annotated[
    str | None,
    typer.Option("--model", metavar="PY:NAME", help="The class (or function) that makes the network: net.py:Net."),
]
InputShape = Annotated[
    str | None,
    typer.Option(
        "--input-shape",
        metavar="N,N,…",
        help="Shape of one input, without the batch: 1,28,28; not needed where the network has an `input_shape`.",
    ),
]
Activation = Annotated[
    str | None,
    typer.Option(
        "--activation", metavar="NAME", help="Between the layers of a bare state_dict of Linear layers: relu …"
    ),
]
Nonfinite = Annotated[
    str,
    typer.Option(
        "--nonfinite", metavar="HOW", help="Weights that are NaN or infinite: refuse, or drop (read as 0, no edges)."
    ),
]
Granularity = Annotated[
    str | None,
    typer.Option(
        "--granularity",
        metavar="NAME",
        help="What a vertex is: channel (the default; a unit of a dense layer), unit, head (of attention) or layer.",
    ),
]
Reduce = Annotated[
    str, typer.Option("--reduce", help="A kernel's taps to one channel weight: l1, l2, max, sum or mean.")
]
Gauge = Annotated[
    str, typer.Option("--gauge", help="none, or balanced: hidden units rescaled until both sides weigh the same.")
]
Bias = Annotated[
    str, typer.Option("--bias", help="Biases as a vertex column, or as vertices of their own: column, vertex.")
]
Inputs = Annotated[
    Path | None,
    typer.Option(
        "--inputs",
        metavar="FILE",
        help="Inputs: .npy or a tensor (.pt); .npz with `inputs` and, where needed, `labels`.",
    ),
]
NeededInputs = Annotated[
    Path,
    typer.Option(
        "--inputs", metavar="FILE", show_default=False, help="Inputs: .npy, or .npz with `inputs` and `labels`."
    ),
]
Row = Annotated[int, typer.Option("--row", min=0, help="Which of the inputs the graph is taken at.")]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="CLASS", help="What is explained: a class number, or a vertex such as fc3:7."),
]
Weight = Annotated[str, typer.Option("--weight", help="The edge column that is read: weight, attribution …")]
Seed = Annotated[int, typer.Option("--seed", help="Of all random choices; the same seed gives the same result.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", show_default=False, help="Where it is written.")]
OptionalOut = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FOLDER", show_default=False, help="Also write the result here, as tables."),
]
OutUnlessDry = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="PATH",
        show_default=False,
        help="Where it is written: a folder of CSV tables, or .parquet, .gexf, .graphml, .npz; not with --dry-run.",
    ),
]
Profile = Annotated[
    str, typer.Option("--profile", help="Names of the columns: default, gephi (no weight below 0), starter.")
]
Top = Annotated[
    int | None, typer.Option("--top", metavar="N", min=1, help="Write only the N edges of the largest |weight|.")
]
Threshold = Annotated[
    float | None, typer.Option("--threshold", metavar="X", min=0, help="Write only edges of at least this |weight|.")
]
Layers = Annotated[
    str | None,
    typer.Option("--layers", metavar="NAME,…", help="Write only these layers, and the edges between them."),
]
PerVertex = Annotated[
    int | None,
    typer.Option(
        "--per-vertex", metavar="K", min=1, help="Write only the K strongest edges into and out of each vertex."
    ),
]
Backbone = Annotated[
    float | None,
    typer.Option(
        "--backbone", metavar="P", help="Write only edges that chance gives an end with a probability below P."
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        metavar="N",
        min=0,
        help="Make the parts of a .parquet folder in N processes; 0: in this one. The files are the same.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say how many vertices, edges and bytes in memory the whole graph has.")
]
MaxEdges = Annotated[int, typer.Option("--max-edges", metavar="N", min=0, help="Refuse to make a graph of more edges.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")]
