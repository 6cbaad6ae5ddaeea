"""Ray casting kernels: many worlds in one launch, with individual rays, and per tile only the geoms that it may hit.

Shading, textures and trees of meshes are those of mujoco_warp, whose kernel has one table of rays for all worlds and
a tree over a world's geoms that every ray traverses. Here rays are grouped into image tiles. All rays of a tile are
in a narrow cone, so that most geoms are excluded for all of them at once (Amanatides 1984); the remaining geoms are
intersected in their own frames.
"""
