"""Boxes in the formats of annotation tools: COCO, Label Studio, Pascal VOC and YOLO."""
