// The kernels of the GPU path; what they compute stands in pose_kernels.h.
#include "pose_kernels.h"

// Cuts, mirrors if asked, normalises and batches crops: grid (W / 32, H / 8, N), block (32, 8).
//   frames: the bytes of all frames; batch: (N, 3, H, W)
extern "C" __global__ void cut_crops(const Network* network, const Crop* crops,
                                     const unsigned char* frames, float* batch, int mirrored) {
  const long long person = blockIdx.z;
  float* picture = batch + person * 3 * network->crop_width * network->crop_height;
  cut_pixel(*network, crops[person], frames, mirrored, blockIdx.x * blockDim.x + threadIdx.x,
            blockIdx.y * blockDim.y + threadIdx.y, picture);
}

// Reads keypoints out of heatmaps: grid (K, N), block THREADS.
extern "C" __global__ void __launch_bounds__(THREADS)
    decode_heatmaps(const Network* network, const Crop* crops, const int* flip, const float* maps,
                    const float* mirrored, float* rows, float* found) {
  __shared__ Shared shared;
  decode_keypoint(*network, crops[blockIdx.y], flip, maps, mirrored, rows, blockIdx.y, blockIdx.x,
                  found, shared);
}
