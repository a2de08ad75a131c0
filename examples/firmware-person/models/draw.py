"""Draws the four scenes `*.ppm` that the example looks at: 96x96 RGB, shapes with soft shading and a fixed noise.

usage: draw.py (needs numpy)
"""
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE, SCALE = 96, 4  # drawn four times as large, then averaged
Y, X = np.mgrid[0:SIZE * SCALE, 0:SIZE * SCALE] / SCALE


class Scene:
    def __init__(self, sky, ground, horizon):
        shade = np.where(Y < horizon, 0.85 + 0.15 * Y / horizon, 0.75 + 0.25 * (Y - horizon) / (SIZE - horizon))
        base = np.where((Y < horizon)[..., None], np.array(sky, float), np.array(ground, float))
        self.image = base * shade[..., None]

    def fill(self, inside, colour, light=0.35):
        """Colours a part, darker towards its right edge."""
        if inside.any():
            left, right = X[inside].min(), X[inside].max()
            shade = 1 + light / 2 - light * (X - left) / max(right - left, 1e-6)
            self.image[inside] = (np.array(colour, float) * shade[..., None])[inside]
        return self

    def ellipse(self, x, y, rx, ry, colour, **more):
        return self.fill(((X - x) / rx) ** 2 + ((Y - y) / ry) ** 2 < 1, colour, **more)

    def limb(self, x0, y0, x1, y1, r0, r1, colour, **more):
        """A round bar from one point to the other, of these radii."""
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((X - x0) * dx + (Y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        return self.fill(np.hypot(X - x0 - t * dx, Y - y0 - t * dy) < r0 + t * (r1 - r0), colour, **more)

    def box(self, x0, y0, x1, y1, colour, **more):
        return self.fill((X > x0) & (X < x1) & (Y > y0) & (Y < y1), colour, **more)

    def person(self, x, top, height, shirt, trousers, skin=(214, 162, 130), hair=(60, 42, 32)):
        u = height / 8  # a head's height
        at = lambda dx, dy: (x + dx * u, top + dy * u)
        for side in (-1, 1):
            self.limb(*at(0.45 * side, 4), *at(0.55 * side, 7.5), 0.5 * u, 0.32 * u, trousers)
            self.ellipse(*at(0.65 * side, 7.75), 0.5 * u, 0.25 * u, (40, 36, 36))
        self.limb(*at(0, 1.9), *at(0, 3.9), 0.95 * u, 0.8 * u, shirt)
        for side in (-1, 1):
            self.limb(*at(1.0 * side, 1.75), *at(1.35 * side, 3.1), 0.36 * u, 0.3 * u, shirt)
            self.limb(*at(1.35 * side, 3.1), *at(1.3 * side, 4.3), 0.27 * u, 0.22 * u, skin)
        self.limb(*at(0, 0.8), *at(0, 1.4), 0.3 * u, 0.34 * u, skin)
        self.ellipse(*at(0, 0.5), 0.42 * u, 0.5 * u, hair)
        self.ellipse(*at(0, 0.62), 0.36 * u, 0.44 * u, skin)
        for side in (-1, 1):
            self.ellipse(*at(0.14 * side, 0.55), 0.05 * u, 0.04 * u, (30, 25, 25))
        self.ellipse(*at(0, 0.83), 0.12 * u, 0.03 * u, (150, 80, 75))
        return self

    def save(self, name, rng):
        pixels = self.image.reshape(SIZE, SCALE, SIZE, SCALE, 3).mean((1, 3)) + rng.normal(0, 4, (SIZE, SIZE, 3))
        pixels = np.clip(np.round(pixels), 0, 255).astype(np.uint8)
        with open(os.path.join(HERE, name + ".ppm"), "wb") as file:
            file.write(b"P6\n%d %d\n255\n" % (SIZE, SIZE) + pixels.tobytes())
        return pixels


def tree(scene, x, base, height):
    scene.limb(x, base, x, base - 0.5 * height, 0.06 * height, 0.04 * height, (92, 64, 44))
    for dx, dy, r in ((-0.16, 0.55, 0.2), (0.16, 0.55, 0.2), (0, 0.75, 0.26)):
        scene.ellipse(x + dx * height, base - dy * height, r * height, r * height, (52, 104, 48))


def main():
    rng = np.random.default_rng(7)
    out = {}

    street = Scene((150, 190, 225), (120, 118, 115), 58)
    street.box(0, 20, 34, 60, (150, 96, 80)).box(66, 12, 96, 60, (170, 160, 140))
    street.person(48, 12, 78, (170, 40, 45), (50, 60, 95))
    out["street"] = street.save("street", rng)

    portrait = Scene((196, 190, 180), (196, 190, 180), 95)
    portrait.person(48, 6, 300, (60, 90, 140), (50, 60, 95))
    out["portrait"] = portrait.save("portrait", rng)

    meadow = Scene((140, 188, 230), (96, 140, 62), 56)
    tree(meadow, 26, 70, 44)
    tree(meadow, 70, 64, 30)
    out["meadow"] = meadow.save("meadow", rng)

    desk = Scene((205, 200, 190), (140, 100, 64), 60)
    desk.box(22, 20, 74, 54, (40, 42, 46)).box(25, 23, 71, 51, (90, 140, 190)).box(44, 54, 52, 64, (60, 60, 62))
    desk.ellipse(82, 70, 7, 3, (235, 235, 230)).box(75, 60, 89, 70, (235, 235, 230))
    out["desk"] = desk.save("desk", rng)
    return out


if __name__ == "__main__":
    main()
