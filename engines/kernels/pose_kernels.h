// The arithmetic of the GPU path: crops out of frames, keypoints out of heatmaps.
//
// Written once for two compilers. nvcc or NVRTC makes the kernels of pose_kernels.cu of it; the
// tests have the host's compiler make a library of it and compare that with OpenCV and with
// pose/heatmap.py, which stay the authority on every rule. What a block does in steps with a
// barrier behind each stands in EACH_THREAD, which is a loop on the host.
#pragma once

#define THREADS 128 /* of a block that reads one heatmap; a power of two */
#define CPN_KERNEL 21
#define CPN_PAD 10
#define DARK_KERNEL 11
#define DARK_REACH 2
#define DARK_SIDE 5 /* 2 * DARK_REACH + 1 */

#ifdef __CUDACC__
#define POSE_FN static __device__ __forceinline__
#define EACH_THREAD for (int thread = threadIdx.x, once = 1; once; once = 0, __syncthreads())
#else
#include <cmath>
#define POSE_FN static inline
#define EACH_THREAD for (int thread = 0; thread < THREADS; ++thread)
#endif

enum Decoder { QUARTER = 0, CPN = 1, DARK = 2 };

// What is the same for every crop. The host writes it; app/steps/kernel_records.py has its twin.
struct Network {
  int crop_width, crop_height;
  int map_width, map_height, keypoints;
  int decoder;
  int rgb;         // 1: the planes are red, green, blue; a frame's pixels are blue first
  int mirror_sum;  // column c of a mirrored crop shows column mirror_sum - c
  float mean[3], scale[3];
  float peak, min_score;
  float cpn_taps[CPN_KERNEL], dark_taps[DARK_KERNEL];
};

// One person. 64 bytes; app/steps/kernel_records.py has its twin.
struct Crop {
  long long frame;    // where its frame starts in the bytes of all frames
  int width, height;  // of that frame
  float to_frame[6];          // crop pixel -> frame pixel
  float heatmap_to_frame[6];  // heatmap pixel -> frame pixel
};

// ---- crops -----------------------------------------------------------------------------------

POSE_FN int clamped(int value, int low, int high) {
  return value < low ? low : value > high ? high : value;
}

// One channel of one frame pixel; black outside of the frame.
POSE_FN float frame_value(const unsigned char* frame, int width, int height, int x, int y,
                          int channel) {
  if (x < 0 || y < 0 || x >= width || y >= height) return 0.0f;
  return (float)frame[((long long)y * width + x) * 3 + channel];
}

// cv2.warpAffine(INTER_LINEAR | WARP_INVERSE_MAP, BORDER_CONSTANT) and crops.to_batch at one pixel.
// The value is rounded as OpenCV stores it, so that both ways show the network the same bytes.
POSE_FN void cut_pixel(const Network& network, const Crop& crop, const unsigned char* frames,
                       int mirrored, int x, int y, float* picture) {
  const int width = network.crop_width, height = network.crop_height;
  if (x >= width || y >= height) return;
  const int column = mirrored ? clamped(network.mirror_sum - x, 0, width - 1) : x;
  const float* m = crop.to_frame;
  const float at_x = m[0] * column + m[1] * y + m[2];
  const float at_y = m[3] * column + m[4] * y + m[5];
  // A box may lie anywhere: keep the integers far from overflow, everything there is black.
  const float limit = 1e6f;
  const int near = at_x > -limit && at_x < limit && at_y > -limit && at_y < limit;
  const int left = near ? (int)floorf(at_x) : -2, top = near ? (int)floorf(at_y) : -2;
  const float right_share = near ? at_x - left : 0.0f, low_share = near ? at_y - top : 0.0f;
  const unsigned char* frame = frames + crop.frame;
  for (int plane = 0; plane < 3; ++plane) {
    const int channel = network.rgb ? 2 - plane : plane;
    float corners[2][2];
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j)
        corners[i][j] = frame_value(frame, crop.width, crop.height, left + j, top + i, channel);
    const float above = corners[0][0] + right_share * (corners[0][1] - corners[0][0]);
    const float below = corners[1][0] + right_share * (corners[1][1] - corners[1][0]);
    const float value = rintf(above + low_share * (below - above));
    picture[(plane * height + y) * width + x] = (value - network.mean[plane]) * network.scale[plane];
  }
}

// ---- reading a heatmap -----------------------------------------------------------------------

// One keypoint's map; with a mirrored one, the mean of both.
struct Map {
  const float* plain;
  const float* mirrored;  // the other side's keypoint in the mirrored crop, or null
  int width, height;
};

POSE_FN float map_value(const Map& map, int x, int y) {
  const float value = map.plain[y * map.width + x];
  if (!map.mirrored) return value;
  return (value + map.mirrored[y * map.width + map.width - 1 - x]) * 0.5f;
}

POSE_FN float map_value_or_zero(const Map& map, int x, int y) {
  if (x < 0 || y < 0 || x >= map.width || y >= map.height) return 0.0f;
  return map_value(map, x, y);
}

struct Peak {
  float value;
  int index;  // row by row; -1 for none
};

// As numpy.argmax chooses: NaN before all numbers, the first of equals.
POSE_FN bool higher(const Peak& a, const Peak& b) {
  if (a.index < 0 || b.index < 0) return b.index < 0 && a.index >= 0;
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  if (a_nan != b_nan) return a_nan;
  if (a_nan || a.value == b.value) return a.index < b.index;
  return a.value > b.value;
}

struct Peaks {
  Peak first, second;
};

POSE_FN Peaks no_peaks() {
  const Peak none = {0.0f, -1};
  const Peaks peaks = {none, none};
  return peaks;
}

POSE_FN void add(Peaks& peaks, const Peak& peak) {
  if (higher(peak, peaks.first)) {
    peaks.second = peaks.first;
    peaks.first = peak;
  } else if (higher(peak, peaks.second)) {
    peaks.second = peak;
  }
}

// What the threads of one block tell each other.
struct Shared {
  Peaks peaks[THREADS];
  float around[DARK_SIDE * DARK_SIDE];
};

// The best two of all threads' peaks, into shared.peaks[0].
POSE_FN void merge_peaks(Shared& shared) {
  for (int half = THREADS / 2; half > 0; half /= 2) {
    EACH_THREAD {
      if (thread < half) {
        const Peaks other = shared.peaks[thread + half];
        if (other.first.index >= 0) add(shared.peaks[thread], other.first);
        if (other.second.index >= 0) add(shared.peaks[thread], other.second);
      }
    }
  }
}

POSE_FN void find_highest(const Map& map, Shared& shared) {
  EACH_THREAD {
    Peaks peaks = no_peaks();
    for (int i = thread; i < map.width * map.height; i += THREADS) {
      const Peak peak = {map_value(map, i % map.width, i / map.width), i};
      add(peaks, peak);
    }
    shared.peaks[thread] = peaks;
  }
  merge_peaks(shared);
}

// ---- decoders: see the functions of the same names in pose/heatmap.py ------------------------

struct Answer {
  float x, y;      // heatmap pixels
  float highest;   // not found unless positive and finite
  float score;     // before it is cut to 0 to 1
};

POSE_FN float sign(float value) { return value > 0.0f ? 1.0f : value < 0.0f ? -1.0f : 0.0f; }

POSE_FN Answer decode_quarter(const Map& map, const Network& network, const Peak& best) {
  const int x = best.index % map.width, y = best.index / map.width;
  float slope_x = 0.0f, slope_y = 0.0f;
  if (x > 0 && x < map.width - 1) slope_x = map_value(map, x + 1, y) - map_value(map, x - 1, y);
  if (y > 0 && y < map.height - 1) slope_y = map_value(map, x, y + 1) - map_value(map, x, y - 1);
  const Answer answer = {x + 0.25f * sign(slope_x), y + 0.25f * sign(slope_y), best.value,
                         best.value / network.peak};
  return answer;
}

// An index of the padded map whose edge the blur mirrors (OpenCV's BORDER_REFLECT_101).
POSE_FN int reflected(int index, int length) {
  return index < 0 ? -index : index >= length ? 2 * length - 2 - index : index;
}

// One pixel of the map padded and blurred along its rows; rows are the map's own.
POSE_FN float blurred_row(const Map& map, const float* taps, int column, int y) {
  const int length = map.width + 2 * CPN_PAD;
  float sum = 0.0f;
  for (int t = 0; t < CPN_KERNEL; ++t) {
    const int x = reflected(column + t - CPN_PAD, length) - CPN_PAD;
    if (x >= 0 && x < map.width) sum += taps[t] * map_value(map, x, y);
  }
  return sum;
}

// One pixel of the padded map, blurred both ways, from rows that are blurred already.
POSE_FN float blurred_column(const float* rows, int row_length, int height, const float* taps,
                             int column, int row) {
  const int length = height + 2 * CPN_PAD;
  float sum = 0.0f;
  for (int t = 0; t < CPN_KERNEL; ++t) {
    const int y = reflected(row + t - CPN_PAD, length) - CPN_PAD;
    if (y >= 0 && y < height) sum += taps[t] * rows[y * row_length + column];
  }
  return sum;
}

// The highest two pixels of the padded and blurred map, into shared.peaks[0].
POSE_FN void find_blurred(const Map& map, const float* taps, float* rows, Shared& shared) {
  const int width = map.width + 2 * CPN_PAD, height = map.height + 2 * CPN_PAD;
  EACH_THREAD {
    for (int i = thread; i < width * map.height; i += THREADS)
      rows[i] = blurred_row(map, taps, i % width, i / width);
  }
  EACH_THREAD {
    Peaks peaks = no_peaks();
    for (int i = thread; i < width * height; i += THREADS) {
      const Peak peak = {blurred_column(rows, width, map.height, taps, i % width, i / width), i};
      add(peaks, peak);
    }
    shared.peaks[thread] = peaks;
  }
  merge_peaks(shared);
}

POSE_FN Answer decode_cpn(const Map& map, const Network& network, const Peak& best, Peaks blurred) {
  const int width = map.width + 2 * CPN_PAD;
  const Peak emptied = {0.0f, blurred.first.index};  // the rule sets the highest to 0
  if (higher(emptied, blurred.second)) blurred.second = emptied;
  const int x = blurred.first.index % width - CPN_PAD, y = blurred.first.index / width - CPN_PAD;
  const float to_x = (float)(blurred.second.index % width - CPN_PAD - x);
  const float to_y = (float)(blurred.second.index / width - CPN_PAD - y);
  const float distance = sqrtf(to_x * to_x + to_y * to_y);
  float at_x = (float)x, at_y = (float)y;
  if (distance > 1e-3f) {
    at_x += 0.25f * to_x / distance;
    at_y += 0.25f * to_y / distance;
  }
  at_x = fminf(fmaxf(at_x, 0.0f), (float)(map.width - 1));
  at_y = fminf(fmaxf(at_y, 0.0f), (float)(map.height - 1));
  const float score = map_value(map, (int)rintf(at_x), (int)rintf(at_y)) / network.peak;
  const bool lost = blurred.first.value != blurred.first.value;
  const Answer answer = {at_x + 0.5f, at_y + 0.5f, lost ? blurred.first.value : best.value, score};
  return answer;
}

// The logarithm of one pixel of the map blurred around a peak, in parts of the peak.
POSE_FN float log_blurred(const Map& map, const float* taps, int x, int y, float best) {
  float sum = 0.0f;
  for (int i = 0; i < DARK_KERNEL; ++i) {
    float row = 0.0f;
    for (int j = 0; j < DARK_KERNEL; ++j)
      row += taps[j] * map_value_or_zero(map, x + j - DARK_KERNEL / 2, y + i - DARK_KERNEL / 2);
    sum += taps[i] * row;
  }
  return logf(fminf(fmaxf(sum / best, 1e-10f), 1.0f));
}

// The 5 x 5 pixels around the highest, into shared.around.
POSE_FN void find_around(const Map& map, const Network& network, const Peak& best, Shared& shared) {
  const int x = best.index % map.width, y = best.index / map.width;
  EACH_THREAD {
    if (thread < DARK_SIDE * DARK_SIDE)
      shared.around[thread] =
          log_blurred(map, network.dark_taps, x + thread % DARK_SIDE - DARK_REACH,
                      y + thread / DARK_SIDE - DARK_REACH, best.value > 0.0f ? best.value : 1.0f);
  }
}

POSE_FN Answer decode_dark(const Map& map, const Network& network, const Peak& best,
                           const float* around) {
  const int x = best.index % map.width, y = best.index / map.width;
  Answer answer = {(float)x, (float)y, best.value, best.value / network.peak};
  if (x < DARK_REACH || y < DARK_REACH || x > map.width - DARK_REACH - 1 ||
      y > map.height - DARK_REACH - 1)
    return answer;
  const float(*log)[DARK_SIDE] = (const float(*)[DARK_SIDE])around;
  const float dx = (log[2][3] - log[2][1]) / 2, dy = (log[3][2] - log[1][2]) / 2;
  const float dxx = (log[2][4] - 2 * log[2][2] + log[2][0]) / 4;
  const float dyy = (log[4][2] - 2 * log[2][2] + log[0][2]) / 4;
  const float dxy = (log[3][3] - log[1][3] - log[3][1] + log[1][1]) / 4;
  const float determinant = dxx * dyy - dxy * dxy;
  if (dxx < 0 && determinant > 1e-12f) {
    answer.x += fminf(fmaxf((dxy * dy - dyy * dx) / determinant, -1.0f), 1.0f);
    answer.y += fminf(fmaxf((dxy * dx - dxx * dy) / determinant, -1.0f), 1.0f);
  }
  return answer;
}

// ---- from a heatmap to a keypoint in the frame -----------------------------------------------

POSE_FN bool finite(float value) { return fabsf(value) <= 3.402823466e38f; }  // false for NaN

// decode() of app/steps/estimate.py for one keypoint: x, y in frame pixels and score, or NaN and 0.
POSE_FN void write_keypoint(const Network& network, const Crop& crop, const Answer& answer,
                            float* found) {
  const float score = fminf(fmaxf(answer.score, 0.0f), 1.0f);
  const bool seen = answer.highest > 0.0f && finite(answer.highest) && finite(answer.score) &&
                    score >= network.min_score && answer.x >= -0.5f && answer.y >= -0.5f &&
                    answer.x <= network.map_width - 0.5f && answer.y <= network.map_height - 0.5f;
  const float* m = crop.heatmap_to_frame;
  const float nothing = nanf("");
  found[0] = seen ? m[0] * answer.x + m[1] * answer.y + m[2] : nothing;
  found[1] = seen ? m[3] * answer.x + m[4] * answer.y + m[5] : nothing;
  found[2] = seen ? score : 0.0f;
}

// One block reads one keypoint of one person.
//   maps, mirrored: (N, K, h, w); mirrored may be null
//   flip: (K,) the keypoint of the other side
//   rows: scratch of (N, K, h, w + 2 * CPN_PAD) for CPN's decoder, else null
//   found: (N, K, 3)
POSE_FN void decode_keypoint(const Network& network, const Crop& crop, const int* flip,
                             const float* maps, const float* mirrored, float* rows, int person,
                             int keypoint, float* found, Shared& shared) {
  const long long pixels = (long long)network.map_width * network.map_height;
  const long long here = (long long)person * network.keypoints + keypoint;
  const long long there = (long long)person * network.keypoints + flip[keypoint];
  const Map map = {maps + here * pixels, mirrored ? mirrored + there * pixels : 0,
                   network.map_width, network.map_height};
  find_highest(map, shared);
  const Peak best = shared.peaks[0].first;
  if (network.decoder == CPN) {
    const long long row_pixels =
        (long long)(network.map_width + 2 * CPN_PAD) * network.map_height;
    find_blurred(map, network.cpn_taps, rows + here * row_pixels, shared);
  } else if (network.decoder == DARK) {
    find_around(map, network, best, shared);
  }
  EACH_THREAD {
    if (thread == 0) {
      Answer answer;
      if (network.decoder == CPN)
        answer = decode_cpn(map, network, best, shared.peaks[0]);
      else if (network.decoder == DARK)
        answer = decode_dark(map, network, best, shared.around);
      else
        answer = decode_quarter(map, network, best);
      write_keypoint(network, crop, answer, found + here * 3);
    }
  }
}
