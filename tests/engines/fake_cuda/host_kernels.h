// The kernels of engines/kernels on the host: the same functions, a loop where the GPU has threads.
#include "pose_kernels.h"

static void cut_crops(unsigned grid_x, unsigned grid_y, unsigned people, unsigned block_x,
                      unsigned block_y, const Network* network, const Crop* crops,
                      const unsigned char* frames, float* batch, int mirrored) {
  const long long floats = 3LL * network->crop_width * network->crop_height;
  for (unsigned person = 0; person < people; ++person)
    for (unsigned y = 0; y < grid_y * block_y; ++y)
      for (unsigned x = 0; x < grid_x * block_x; ++x)
        cut_pixel(*network, crops[person], frames, mirrored, (int)x, (int)y,
                  batch + person * floats);
}

static void decode_heatmaps(unsigned keypoints, unsigned people, const Network* network,
                            const Crop* crops, const int* flip, const float* maps,
                            const float* mirrored, float* rows, float* found) {
  Shared shared;
  for (unsigned person = 0; person < people; ++person)
    for (unsigned keypoint = 0; keypoint < keypoints; ++keypoint)
      decode_keypoint(*network, crops[person], flip, maps, mirrored, rows, (int)person,
                      (int)keypoint, found, shared);
}
