"""Embryos before they have a cavity, and the round things of every stage: fragments, vacuoles, debris."""

from __future__ import annotations

import numpy as np

from cs_framework.synthetic.drawing.grid import Float32, Float64, Grain, Grid, blur, line, step
from cs_framework.synthetic.drawing.relief import Paint
from cs_framework.synthetic.drawing.tissue import Cells, fill, spread


def paint_zygote(paint: Paint, grid: Grid, grain: Grain, rng: np.random.Generator) -> Float32:
    """One cell, often with two pronuclei; returns where it is (S, S), from 0 to 1."""
    radius = rng.uniform(0.86, 1.0)
    middle = (1 - radius) * rng.uniform(-1, 1, 2)
    away = np.hypot(grid.xs - np.float32(middle[0]), grid.ys - np.float32(middle[1]))
    inside = step(np.float32(radius) - away, 2 * grid.pixel)
    dome = np.sqrt(np.maximum(1 - (away / np.float32(radius)) ** 2, 0))
    paint.thick[...] += rng.uniform(10, 35) * dome
    _cytoplasm(paint, grain, inside, rng)
    rim = line(away - np.float32(radius), rng.uniform(0.8, 2) * grid.pixel)
    paint.shade[...] += rng.uniform(-40, -5) * rim
    for _ in range(int(rng.choice((0, 1, 2), p=(0.4, 0.1, 0.5)))):
        place = np.r_[middle + rng.uniform(-0.3, 0.3, 2), rng.uniform(0.12, 0.2)]
        paint.ball(grid, place, height=-rng.uniform(1, 6), rim=rng.uniform(-12, 12))
    return inside


def paint_cleavage(paint: Paint, grid: Grid, grain: Grain, rng: np.random.Generator) -> Float32:
    """Two to twelve translucent cells, some with a nucleus; returns where they are (S, S), from 0 to 1."""
    count = int(rng.integers(2, 13))
    radius = float(np.clip(1.25 / np.sqrt(count + 0.6), 0.3, 0.68))
    places = spread(rng, count, 1 - 0.75 * radius, 0.15)
    radii = radius * rng.uniform(0.8, 1.2, count)
    reach = np.hypot(*places.T) + radii
    places *= np.minimum(1, (1 - radii) / np.maximum(reach - radii, 1e-6))[:, None].clip(0, 1)
    inside = np.zeros_like(grid.xs)
    height, rim, dark = rng.uniform(12, 42), rng.uniform(-50, 35), rng.uniform(0, 22)
    for place, size in zip(places, radii, strict=True):
        paint.ball(grid, np.r_[place, size], height=height, rim=rim * rng.uniform(0.3, 1.2), dark=dark)
        away = np.hypot(grid.xs - np.float32(place[0]), grid.ys - np.float32(place[1]))
        inside = np.maximum(inside, step(np.float32(size) - away, 2 * grid.pixel))
        if rng.random() < 0.3:
            nucleus = np.r_[place + rng.uniform(-0.2, 0.2, 2) * size, rng.uniform(0.2, 0.4) * size]
            paint.ball(grid, nucleus, height=-rng.uniform(0, 5), rim=rng.uniform(-8, 14))
    _cytoplasm(paint, grain, inside, rng)
    return inside


def paint_morula(paint: Paint, grid: Grid, grain: Grain, rng: np.random.Generator) -> Float32:
    """Many cells, from a bunch of balls to a compact ball; returns where it is (S, S), from 0 to 1."""
    count = int(rng.integers(12, 60))
    spacing = np.sqrt(np.pi / count) * 0.9
    bend = grain.lumps * np.float32(rng.uniform(0, 0.03) * grid.radius)
    cells = Cells.of(grid, spread(rng, count, 1 - 0.6 * spacing), spacing * rng.uniform(0.85, 1.2), bend)
    compact = rng.uniform(0, 1)
    away = np.float32(rng.uniform(0.86, 0.98)) - grid.distance + np.float32(0.02) * grain.flow
    inside = np.maximum(step(cells.dome - 0.15, 0.2) * np.float32(compact < 0.6), step(away, 2 * grid.pixel))
    clear = rng.uniform(0.15, 1) * (1 - 0.6 * compact)
    paint.thick[...] += inside * (
        rng.uniform(12, 55) * clear * cells.dome
        + rng.uniform(4, 16) * np.sqrt(np.maximum(1 - grid.distance**2, 0))
    )
    membranes = line(cells.border, rng.uniform(0.8, 2) * grid.scale)
    paint.shade[...] += (
        inside * clear * (cells.per_cell(rng, -40, 45) * membranes + cells.per_cell(rng, -20, 20))
    )
    for _ in range(int(rng.integers(0, 14))):
        turn, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.07, 0.22)
        away_from = (1 - radius) * rng.uniform(0.75, 1)
        place = np.array([away_from * np.cos(turn), away_from * np.sin(turn), radius])
        paint.ball(grid, place, height=rng.uniform(5, 24), rim=rng.uniform(-35, 40), dark=rng.uniform(-8, 18))
    _cytoplasm(paint, grain, inside, rng)
    return np.asarray(inside, np.float32)


def _cytoplasm(paint: Paint, grain: Grain, inside: Float32, rng: np.random.Generator) -> None:
    """Grain of cells."""
    fine, mottle, lumps = grain.fine, grain.mottle, grain.lumps
    rough = rng.uniform(0.2, 1.2)
    paint.thick[...] += inside * (
        rng.uniform(0.2, 1.4) * fine + rough * (rng.uniform(0.5, 5) * mottle + rng.uniform(1, 11) * lumps)
    )
    paint.shade[...] += inside * (
        rng.uniform(0, 3) * fine
        + rough * (rng.uniform(0, 7) * mottle + rng.uniform(0, 14) * lumps)
        - rng.uniform(0, 28)
    )


def paint_far_cells(paint: Paint, grid: Grid, grain: Grain, rng: np.random.Generator) -> None:
    """What is seen through the cavity, out of focus: cells above and below, and their borders."""
    bend = grain.flow.T * np.float32(rng.uniform(0.005, 0.025) * grid.radius)
    cells = Cells.of(grid, spread(rng, int(rng.integers(8, 34))), rng.uniform(0.2, 0.42), bend)
    focus = rng.uniform(1.8, 9) * grid.scale
    strength = rng.uniform(0.3, 1.1) if rng.random() < 0.5 else rng.uniform(0.9, 2)
    dome = blur(cells.dome, focus)
    borders = line(cells.border, rng.uniform(1, 3.5) * grid.scale) * cells.per_cell(rng, -0.3, 1)
    flow, mottle = grain.flow, grain.mottle
    paint.thick[...] += (
        strength * (rng.uniform(10, 55) * dome + rng.uniform(3, 16) * flow) + rng.uniform(0, 1.4) * mottle
    )
    soft = blur(borders, max(focus * rng.uniform(0.45, 0.9), 1.1))
    paint.shade[...] += strength * (
        rng.uniform(-8, 24) * dome + rng.uniform(0, 12) * flow + rng.uniform(-14, 40) * soft
    )
    ghosts = Paint.empty(grid.size)
    for _ in range(int(rng.choice((0, 2, 5, 9), p=(0.35, 0.3, 0.2, 0.15)))):
        place = _at(rng, 0.85 * np.sqrt(rng.random()), rng.uniform(0.03, 0.13))
        ghosts.ball(
            grid, place, height=rng.uniform(-8, 10), rim=rng.uniform(-15, 45), dark=rng.uniform(-10, 30)
        )
    sigma = rng.uniform(0.5, 2.5) * grid.scale
    paint.add(Paint(blur(ghosts.thick, sigma), blur(ghosts.shade, sigma)))


def paint_flank(
    paint: Paint, grid: Grid, tiles: Cells, grain: Grain, where: Float32, rng: np.random.Generator
) -> None:
    """Trophectoderm seen from above, where it rounds towards the viewer: grain that no border ends."""
    turn = rng.uniform(0, 2 * np.pi)
    aside = grid.xs * np.float32(np.cos(turn)) + grid.ys * np.float32(np.sin(turn))
    near = rng.uniform(0, 0.6) * aside + grid.distance - rng.uniform(0.75, 1.1)
    veil = step(near + np.float32(0.12) * grain.flow, rng.uniform(0.15, 0.6)) * where
    fill(paint, grid, tiles, grain, veil * np.float32(rng.uniform(0.3, 1)), rng)


def paint_round_cells(paint: Paint, grid: Grid, inside: Float32, rng: np.random.Generator) -> None:
    """Cells that bulge from the wall into the cavity, and vacuoles, sharp or not."""
    balls = Paint.empty(grid.size)
    for _ in range(int(rng.choice((0, 1, 2, 3, 5, 8), p=(0.25, 0.2, 0.2, 0.15, 0.12, 0.08)))):
        radius = rng.uniform(0.05, 0.24)
        place = _at(rng, 1 - radius * rng.uniform(0.5, 1.3), radius)
        balls.ball(grid, place, height=rng.uniform(4, 24), rim=rng.uniform(-30, 50), dark=rng.uniform(-8, 26))
        if rng.random() < 0.4:
            place = np.r_[place[:2] + rng.uniform(-0.3, 0.3, 2) * radius, radius * rng.uniform(0.3, 0.6)]
            balls.ball(grid, place, height=rng.uniform(-5, 5), rim=rng.uniform(-15, 25))
    for _ in range(int(rng.integers(0, 9))):
        place = _at(rng, 0.95 * np.sqrt(rng.random()), rng.uniform(0.012, 0.07))
        balls.ball(grid, place, height=rng.uniform(-6, 7), rim=rng.uniform(-25, 30), dark=rng.uniform(-4, 8))
    sigma = rng.choice((0.0, rng.uniform(0.5, 3))) * grid.scale
    paint.thick[...] += blur(balls.thick, sigma) * inside
    paint.shade[...] += blur(balls.shade, sigma) * inside


def paint_fragments(paint: Paint, grid: Grid, rng: np.random.Generator, reach: tuple[float, float]) -> None:
    """Clusters of small balls between cells and zona, and debris outside."""
    for _ in range(int(rng.choice((0, 1, 2, 3), p=(0.4, 0.3, 0.2, 0.1)))):
        middle = _at(rng, rng.uniform(*reach), 0)[:2]
        for _ in range(int(rng.integers(2, 14))):
            place = np.r_[middle + rng.normal(0, 0.06, 2), rng.uniform(0.012, 0.07)]
            paint.ball(grid, place, height=rng.uniform(1, 7), rim=rng.uniform(-25, 25))
    for _ in range(int(rng.integers(0, 7))):
        place = _at(rng, rng.uniform(1.05, 1.7), rng.uniform(0.008, 0.05))
        paint.ball(
            grid, place, height=rng.uniform(0.5, 6), rim=rng.uniform(-40, 25), dark=rng.uniform(-5, 20)
        )


def _at(rng: np.random.Generator, distance: float, radius: float) -> Float64:
    """Somewhere at a distance from the embryo's centre: x, y, radius."""
    turn = rng.uniform(0, 2 * np.pi)
    return np.array([distance * np.cos(turn), distance * np.sin(turn), radius])
