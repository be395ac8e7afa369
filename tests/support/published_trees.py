"""Small datasets laid out as the published ones, with pictures and labels of our own making."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from support.label_images import rectangle, write_png
from support.made_videos import SIZE, make_video, painted, steady
from videoengine.vocabularies import vocabulary

WIDTH, HEIGHT = SIZE


def write(path: Path, text: str) -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def video(path: Path, seconds: float, *, fps: int = 25) -> Path:
    """Write a video of `fps` pictures a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stamps = steady(round(seconds * fps), step=90_000 // fps)
    return make_video(path, stamps, options={"bf": "0"})


def images(folder: Path, names: Iterable[str], *, suffix: str = ".png") -> Path:
    """Write a picture under each name."""
    for number, name in enumerate(names):
        write_png(folder / f"{name}{suffix}", painted(number))
    return folder


def table(path: Path, rows: Iterable[Sequence[object]], delimiter: str = "\t") -> Path:
    """Write rows of values."""
    lines = [delimiter.join(str(value) for value in row) for row in rows]
    return write(path, "\n".join(lines) + "\n")


def phase_rows(phases: Sequence[str]) -> list[tuple[object, ...]]:
    """Return a table of a phase for each frame."""
    return [("Frame", "Phase"), *enumerate(phases)]


def tool_rows(frames: Mapping[int, Sequence[str]]) -> list[tuple[object, ...]]:
    """Return a table of the tools in each annotated frame."""
    names = [label.name for label in vocabulary("cholec80/tool@1").labels]
    marks = [(frame, *(int(name in seen) for name in names)) for frame, seen in frames.items()]
    return [("Frame", *names), *marks]


def cholec80(root: Path) -> Path:
    """3 s: Preparation until 2 s, then dissection; grasper at 0 s, with a hook at 1 s, none at 2 s.

    video02 has no labels.
    """
    video(root / "videos/video01.mp4", 3)
    video(root / "videos/video02.mp4", 0.2)
    phases = ["Preparation"] * 50 + ["CalotTriangleDissection"] * 25
    table(root / "phase_annotations/video01-phase.txt", phase_rows(phases))
    tools = {0: ["Grasper"], 25: ["Grasper", "Hook"], 50: []}
    table(root / "tool_annotations/video01-tool.txt", tool_rows(tools))
    return root


def categories() -> dict[str, dict[str, str]]:
    """Return the categories of a CholecT50 label file."""
    found = {
        component: {
            str(label.id): label.name for label in vocabulary(f"cholect50/{component}@1").labels
        }
        for component in ("instrument", "verb", "target", "triplet")
    }
    phases = ("preparation", "carlot-triangle-dissection", "clipping-and-cutting",
              "gallbladder-dissection", "gallbladder-packaging", "cleaning-and-coagulation",
              "gallbladder-extraction")  # fmt: skip
    return {**found, "phase": {str(number): name for number, name in enumerate(phases)}}


def cholect50_row(
    triplet: int, box: Sequence[float] = (-1, -1, -1, -1), phase: int = 1
) -> list[Any]:
    """Return a row of a CholecT50 label file."""
    if triplet < 0:
        return [-1, -1, -1, *[-1.0] * 4, -1, -1, -1, *[-1.0] * 4, phase]
    names = vocabulary("cholect50/triplet@1").label(triplet).name.split(",")
    parts = [
        vocabulary(f"cholect50/{component}@1").label(name).id
        for component, name in zip(("instrument", "verb", "target"), names, strict=True)
    ]
    return [triplet, parts[0], 1.0, *box, parts[1], parts[2], 1.0, *[-1.0] * 4, phase]


def cholect50(root: Path, frames: Mapping[str, Sequence[Any]] | None = None) -> Path:
    """VID01 with seconds 3, 4 and 6, of which 6 is not annotated; VID02 without labels."""
    images(root / "videos/VID01", ("000003", "000004", "000006"))
    images(root / "videos/VID02", ("000000",))
    if frames is None:
        rows = [cholect50_row(17, (0.5, 0.25, 0.25, 0.5)), cholect50_row(60, (0.1, 0.9, 0.2, 0.2))]
        frames = {"3": rows, "4": [cholect50_row(-1, phase=2)]}
    labels = {"categories": categories(), "annotations": frames, "fps": 1, "video": 1}
    write(root / "labels/VID01.json", json.dumps(labels))
    return root


def cholect45(root: Path) -> Path:
    """VID01, seconds 0 and 1: triplets 17 and 60 with an irrigator that does nothing, then none."""
    images(root / "data/VID01", ("000000", "000001"))
    marked = {"triplet": (17, 60), "instrument": (0, 2, 5), "verb": (1, 2), "target": (0,)}
    for component, ids in marked.items():
        labels = vocabulary(f"cholect50/{component}@1").labels
        first = [0, *(int(label.id in ids) for label in labels)]
        table(root / f"{component}/VID01.txt", [first, [1, *[0] * len(labels)]], ",")
        names = [f"{label.id}:{label.name}" for label in labels]
        write(root / f"dict/{component}.txt", "\n".join(names) + "\n")
    return root


def m2cai16(root: Path) -> Path:
    """One video of either challenge, and a test video."""
    for name in ("train_dataset/workflow_video_01", "test_dataset/test_workflow_video_01"):
        video(root / f"{name}.mp4", 0.4)
        phases = ["TrocarPlacement"] * 5 + ["Preparation"] * 5
        table(root / f"{name}.txt", phase_rows(phases))
    video(root / "train_dataset/tool_video_01.mp4", 1.2)
    tools = {0: ["Clipper"], 25: ["SpecimenBag", "Irrigator"]}
    table(root / "train_dataset/tool_video_01.txt", tool_rows(tools))
    return root


def autolaparo(root: Path) -> Path:
    """A video of 2 s, a clip of 10 s at 5 a second, and two stills of clip 001 with masks."""
    first = root / "Task 1 Surgical workflow recognition"
    video(first / "videos/01.mp4", 2)
    table(first / "labels/label_01.txt", [("Frame", "Phase"), (1, 2), (2, 7)])
    second = root / "Task 2 Laparoscope motion prediction"
    video(second / "clips/228.mp4", 10, fps=5)
    rows = [("Clip", "Label", "Phase"), (228, 5, 3)]
    table(second / "laparoscope_motion_label.txt", rows)
    images(root / "Task 3 Segmentation/imgs", ("001001", "001025"))
    return root


def pitvis(root: Path, rows: Sequence[Sequence[int]] | None = None) -> Path:
    """video_01 of 4 s at 24 a second; video_19 without labels."""
    video(root / "video_01.mp4", 4, fps=24)
    video(root / "video_19.mp4", 0.2)
    if rows is None:
        rows = [(1, 0, -1, -1, -2), (1, 1, 1, 0, -2), (1, 2, 4, 13, 16), (1, 3, 4, 9, 0),
                (1, 4, -1, -1, -2)]  # fmt: skip
    header = ("int_video", "int_time", "int_step", "int_instrument1", "int_instrument2")
    table(root / "annotations_01.csv", [header, *rows], ",")
    names = [f"{label.id + 1},{label.name}" for label in vocabulary("pitvis/step@1").labels]
    names[0] += " "
    outside = ["-1,operation_ended", "-1,operation_not_started", "-1,out_of_patient"]
    write(root / "map_steps.csv", "\n".join(["int_step,str_step", *outside, *names]) + "\n")
    tools = [f"{label.id + 1},{label.name}" for label in vocabulary("pitvis/instrument@1").labels]
    none = ["-2,no_secondary_instrument", "-1,out_of_patient", "0,no_visible_instrument",
            "0,occluded_image_inside_patient"]  # fmt: skip
    lines = ["int_instrument,str_instrument", *none, *tools]
    write(root / "map_instruments.csv", "\n".join(lines) + "\n")
    return root


def ophnet(root: Path) -> Path:
    """case_0001 of 3 s with overlapping intervals, case_0002 with a surgery only, case_0003."""
    for name in ("case_0001", "case_0002", "case_0003"):
        video(root / f"OphNet2024_all/{name}.mp4", 3, fps=10)
    header = ("video_id", "start", "end", "split", "surgery_id", "phase_id")
    rows = [("case_0001", 0, 1.5, "val", 5, 3), ("case_0001", 1.25, 2, "val", 0, 6)]
    table(root / "annotation/OphNet2024_loca_challenge_phase.csv", [header, *rows], ",")
    surgeries = '\ufeffvideo_id,surgery\ncase_0001,"1,2"\ncase_0002,28\n'
    write(root / "annotation/OphNet2024_surgery.csv", surgeries)
    return root


def coco(images: Sequence[dict[str, Any]], objects: Sequence[dict[str, Any]]) -> str:
    """Return a COCO file of Endoscapes."""
    names = [label.name for label in vocabulary("endoscapes/structure@1").labels]
    kinds = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    return json.dumps({"images": images, "annotations": objects, "categories": kinds})


def endoscapes(root: Path) -> Path:
    """Videos 1 and 2 in train, a frame a second: boxes in 1_50, a critical view in 1_75."""
    images(root / "train", ("1_50", "1_75", "1_125", "2_25"), suffix=".jpg")
    rows = [
        {"id": number, "file_name": f"{name}.jpg", "width": WIDTH, "height": HEIGHT,
         "is_det_keyframe": name == "1_50", "is_ds_keyframe": name == "1_75",
         "ds": [1.0, 0.0, 0.667]}
        for number, name in enumerate(("1_50", "1_75", "2_25"))
    ]  # fmt: skip
    boxes = [
        {"id": 0, "image_id": 0, "category_id": 6, "bbox": [16, 12, 32, 24]},
        {"id": 1, "image_id": 0, "category_id": 5, "bbox": [0, 0, 64, 48]},
    ]
    write(root / "train/annotation_coco.json", coco(rows, boxes))
    write(root / "train/annotation_ds_coco.json", coco(rows, []))
    return root


def hyperkvasir(root: Path) -> Path:
    """Two images of polyps, one segmented, and a video whose finding is free text."""
    folder = root / "labeled-images/lower-gi-tract/pathological-findings/polyps"
    images(folder, ("0a1", "0b"), suffix=".jpg")
    header = ("Video file", "Organ", "Finding", "Classification")
    rows = [(name, "Lower GI", "polyps", "pathological-findings") for name in ("0a1", "0b")]
    table(root / "labeled-images/image-labels.csv", [header, *rows], ",")
    video(root / "labeled-videos/Polypp 5.avi", 0.2)
    columns = "file-name;finding;width;height;number-of-frames;fps;length;kilobytes"
    found = "Polypp 5.avi;polyp, NBI,\u00a0propably cancer;64;48;5;25;0;1"
    write(root / "hyper-kvasir-video-metadata.csv", f"{columns}\n{found}\n")
    images(root / "segmented-images/images", ("cj", "ck"), suffix=".jpg")
    box = {"label": "polyp", "xmin": 16, "ymin": 12, "xmax": 48, "ymax": 36}
    boxes = {"cj": {"height": HEIGHT, "width": WIDTH, "bbox": [box]}}
    write(root / "segmented-images/bounding-boxes.json", json.dumps(boxes))
    return root


def medmultipoints(root: Path, rows: Sequence[Mapping[str, Any]] | None = None) -> Path:
    """Two images; the first one has an instrument and two polyps."""
    images(root / "MedMultiPoints-images", ("aa", "bb"), suffix=".jpg")
    if rows is None:
        size = [WIDTH, HEIGHT]
        rows = [
            {"image_sha256": "aa", "img_size": size, "bbox": [[16, 12, 48, 36]], "count": 1,
             "points": [[32, 24]], "label": "instrument"},
            {"image_sha256": "aa", "img_size": size, "bbox": [], "points": [], "count": 2,
             "label": "polyps"},
        ]  # fmt: skip
    write(root / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return root


def endovis2017(root: Path) -> Path:
    """Sequence 1 with two instruments in frame 0, none in frame 1; a test sequence with types."""
    first = root / "instrument_1_4_training/instrument_dataset_1"
    images(first / "left_frames", ("frame000", "frame001", "frame002"))
    left = rectangle(10, (0, 0, 32, 12), SIZE) + rectangle(30, (32, 0, 8, 12), SIZE)
    right = rectangle(20, (48, 24, 16, 24), SIZE)
    truth = first / "ground_truth"
    write_png(truth / "Left_Prograsp_Forceps_labels/frame000.png", left)
    write_png(truth / "Maryland_Bipolar_Forceps_labels/frame000.png", right)
    for folder in ("Left_Prograsp_Forceps_labels", "Maryland_Bipolar_Forceps_labels"):
        write_png(truth / folder / "frame001.png", rectangle(0, (0, 0, 1, 1), SIZE))
    other = root / "instrument_2017_test/instrument_dataset_2"
    images(other / "left_frames", ("frame225",))
    write_png(other / "gt/TypeSegmentation/frame225.png", rectangle(6, (0, 0, 16, 48), SIZE))
    return root


def endovis2018(root: Path) -> Path:
    """Sequence 1: a shaft on kidney in frame 0, questions about frames 0 and 1."""
    sequence = root / "miccai_challenge_2018_release_1/seq_1"
    images(sequence / "left_frames", ("frame000", "frame001", "frame002"))
    scene = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    scene[24:] = (255, 55, 0)
    scene[:, 48:] = (0, 255, 0)
    write_png(sequence / "labels/frame000.png", scene)
    questions = "what organ is being operated?|kidney\n"
    write(sequence / "vqa/Classification/frame000_QA.txt", questions)
    located = "where is bipolar forceps located?|left-top|1, 1, 640, 512\n"
    write(sequence / "vqla/label/frame001_QA.txt", questions + located)
    return root


def endovis17_vqla(root: Path) -> Path:
    """Two sequences whose frames lie together, with a question about one frame."""
    images(root / "left_frames", ("seq1_frame000", "seq1_frame015", "seq2_frame000"), suffix=".jpg")
    write(
        root / "vqla/label/seq1_frame015_QA.txt",
        "What is the state of it?|Idle|641, 1, 1280, 512\n",
    )
    return root
