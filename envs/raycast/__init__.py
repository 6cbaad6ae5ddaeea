"""Ray casting kernels: many worlds in one launch, a table of rays for each, and per tile only the geoms it may meet.

The shading, the textures and the meshes' trees are those of mujoco_warp, whose own kernel has one table of rays for
all worlds and a tree over a world's geoms that every ray descends. Here rays are grouped into tiles of the image. All
rays of a tile lie in a narrow cone, so that most geoms are ruled out for all of them at once (Amanatides 1984), and
what is left is intersected in the geom's own frame.
"""
