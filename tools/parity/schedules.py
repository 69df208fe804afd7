"""weft simulate: its schedule files in torch.distributed.pipelining, and torch's schedules in weft."""

import json
import logging
import tempfile
import warnings
from pathlib import Path

import peer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch
    from torch.distributed.pipelining import schedules

# pp, vpp, microbatches
SHAPES = [(1, 2, 2), (2, 1, 4), (2, 2, 4), (4, 1, 8), (4, 2, 8), (4, 4, 8), (8, 2, 32), (8, 3, 16), (16, 4, 64)]

# name in weft, chunks per rank (0: vpp)
WEFT_SCHEDULES = {
    "gpipe": 1, "1f1b": 1, "interleaved": 0, "breadth-first": 0, "zb-h1": 1, "zb-h2": 1, "zb-v": 2, "v-half": 2,
    "v-min": 2, "dualpipe-v": 2, "interleaved-zb1p": 0, "interleaved-zb-w2": 0,
}

# torch's class, the schedule of weft whose makespan it has
TORCH_SCHEDULES = [
    ("ScheduleGPipe", "gpipe"),
    ("Schedule1F1B", "1f1b"),
    ("ScheduleInterleaved1F1B", "interleaved"),
    ("ScheduleLoopedBFS", "breadth-first"),
    ("ScheduleInterleavedZeroBubble", "interleaved-zb1p"),
    ("ScheduleZBVZeroBubble", "zb-v"),
    ("ScheduleDualPipeV", "dualpipe-v"),
]


class Stage:
    """What torch's schedules ask of a stage before they run."""

    submod = None
    has_backward = True

    def __init__(self, pp, num_stages, index):
        self.group_size = pp
        self.group_rank = 0
        self.group = None
        self.num_stages = num_stages
        self.stage_index = index
        self.stage_index_to_group_rank = {}
        self.is_first = index == 0
        self.is_last = index == num_stages - 1


def stages(pp, chunks):
    return [Stage(pp, pp * chunks, index) for index in range(chunks)]


def shape_flags(pp, vpp, microbatches):
    return ["--pp", pp, "--vpp", vpp, "--microbatches", microbatches]


def simulate(weft, *flags):
    return json.loads(peer.run(weft, "simulate", *flags, "--json"))


# What torch's dry run knows; the rest is about sharded parameters.
SIMULATED = {
    schedules.FORWARD, schedules.BACKWARD_INPUT, schedules.BACKWARD_WEIGHT, schedules.FULL_BACKWARD, schedules.SEND_F,
    schedules.RECV_F, schedules.SEND_B, schedules.RECV_B, schedules.WAIT_SEND_F, schedules.WAIT_SEND_B,
}


def torch_verdict(path, pp, chunks, microbatches):
    """The tasks that torch's dry run executes from a file, by rank, or what its parser, validation or lowering says."""
    runtime = schedules._PipelineScheduleRuntime(stages(pp, chunks), microbatches)
    try:
        runtime._load_csv(path, format="compute_only")
        lowered = {rank: [action for action in actions if action is None or action.computation_type in SIMULATED]
                   for rank, actions in runtime.pipeline_order_with_comms.items()}
        steps = schedules._simulate_comms_compute(
            lowered, lambda stage: runtime.stage_index_to_group_rank[stage], pp * chunks)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return [[str(action) for action in rank if action is not None and action.is_compute_op] for rank in steps.values()]


def compare_written(options, verdict, folder):
    """Every schedule of weft, written as CSV and loaded by torch."""
    cases = []
    for name, fixed in WEFT_SCHEDULES.items():
        for pp, vpp, microbatches in SHAPES:
            if name == "dualpipe-v" and microbatches < 2 * pp:
                continue
            path = folder / "weft.csv"
            peer.run(options.weft, "simulate", "--schedule", name, *shape_flags(pp, vpp, microbatches), "--csv-out", path)
            written = [[cell for cell in line.split(",") if cell] for line in path.read_text().splitlines()]
            cases.append((f"{name}, pp {pp}, vpp {vpp}, {microbatches} microbatches", written,
                          torch_verdict(path, pp, fixed or vpp, microbatches)))
    verdict.compare("schedules of weft accepted by torch", cases)


def torch_order(name, pp, chunks, microbatches):
    """The compute tasks of one of torch's schedules, by rank."""
    cls = getattr(schedules, name)
    if issubclass(cls, schedules.PipelineScheduleSingle):
        order = cls(Stage(pp, pp, 0), microbatches)._get_pipeline_order()
    else:
        order = cls(stages(pp, chunks), microbatches).pipeline_order
    return {rank: [action for action in actions if action is None or action.is_compute_op]
            for rank, actions in order.items()}


def torch_fault(order, pp, chunks, microbatches):
    """The first line of what torch's validation says about an order; nothing when it is valid."""
    flat = {rank: [part for action in actions if action is not None for part in action.sub_actions or (action,)]
            for rank, actions in order.items()}
    try:
        schedules._validate_schedule(flat, pp, pp * chunks, microbatches)
    except AssertionError as error:
        return str(error).splitlines()[0]
    return ""


def ascending(order):
    """Backwards of every stage renumbered in the order in which they run."""
    backward = schedules.FULL_BACKWARD
    renumbered = {}
    for rank, actions in order.items():
        seen = {}
        renumbered[rank] = []
        for action in actions:
            if action is not None and action.computation_type == backward:
                index = seen.get(action.stage_index, 0)
                seen[action.stage_index] = index + 1
                action = schedules._Action(action.stage_index, backward, index)
            renumbered[rank].append(action)
    return renumbered


def dump(order, pp, chunks, microbatches, path):
    """Writes an order with torch's own writer."""
    runtime = schedules._PipelineScheduleRuntime(stages(pp, chunks), microbatches)
    runtime.pipeline_order = order
    runtime._dump_csv(path, format="compute_only")


def compare_read(options, verdict, folder):
    """Every schedule of torch, written as CSV and simulated by weft."""
    cases = []
    for name, ours in TORCH_SCHEDULES:
        if not hasattr(schedules, name):
            print(f"  this torch has no {name}")
            continue
        for pp, vpp, microbatches in SHAPES:
            chunks = WEFT_SCHEDULES[ours] or vpp
            if name == "ScheduleDualPipeV" and microbatches < 2 * pp:
                continue
            if name == "ScheduleInterleaved1F1B" and chunks == 1:
                continue  # warms up twice as long as 1f1b
            order = torch_order(name, pp, chunks, microbatches)
            if fault := torch_fault(order, pp, chunks, microbatches):
                print(f"  {name}, pp {pp}: torch refuses its own order: {fault}")
                break
            if name == "ScheduleLoopedBFS":
                # torch runs these backwards from the last microbatch on; weft keeps them in order, so that weight
                # gradients are always summed alike. Microbatches are alike, so the time is the same.
                order = ascending(order)
            path = folder / "torch.csv"
            dump(order, pp, chunks, microbatches, path)
            read = simulate(options.weft, "--csv", path, "--vpp", vpp)
            made = simulate(options.weft, "--schedule", ours, *shape_flags(pp, vpp, microbatches))
            figures = ("makespan", "peak_mem", "tasks")
            cases.append((f"{name}, pp {pp}, vpp {vpp}, {microbatches} microbatches",
                          [made[figure] for figure in figures], [read[figure] for figure in figures]))
    verdict.compare("schedules of torch simulated by weft", cases)


def main():
    options = peer.arguments(__doc__)
    logging.disable(logging.WARNING)
    verdict = peer.Verdict()
    print(f"torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        compare_written(options, verdict, Path(folder))
        compare_read(options, verdict, Path(folder))
    verdict.end()


if __name__ == "__main__":
    main()
