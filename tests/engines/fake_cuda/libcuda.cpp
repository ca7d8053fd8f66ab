// A FAKE libcuda for tests: the functions that engines/ calls, on host memory, kernels included.
//
// It proves the order of our calls and the sizes of our arguments, not NVIDIA's behaviour. It is
// as lazy as a GPU may be: what is put on a stream runs when somebody waits for the stream, and
// memory is full of NaN until written. It is stricter: without a current context nothing works.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host_kernels.h"

namespace {
enum { OK = 0, INVALID_VALUE = 1, NO_MEMORY = 2, NO_CONTEXT = 201, NOT_FOUND = 500,
       CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901 };
using Work = std::function<void()>;
struct Stream { std::vector<Work> queue, captured; bool capturing = false, broken = false; };
struct Graph { std::vector<Work> work; };
struct Exec { std::vector<Work> work; };

std::recursive_mutex lock;
std::string trace;
std::map<std::thread::id, int> threads;
std::map<std::string, int> failures;  // function -> code of its next call
std::map<char*, size_t> memory, pinned;
size_t limit = SIZE_MAX, used = 0;
long living = 0;  // streams, modules, graphs, retained contexts
char primary;
thread_local std::vector<void*> stack;
thread_local Stream* capturing = nullptr;

int begin(const char* name, bool needs_context = true) {
  std::lock_guard<std::recursive_mutex> guard(lock);
  const auto id = std::this_thread::get_id();
  if (!threads.count(id)) { const int number = (int)threads.size(); threads[id] = number; }
  trace += std::to_string(threads[id]) + " " + name + "\n";
  const auto failure = failures.find(name);
  if (failure != failures.end()) { const int code = failure->second; failures.erase(failure); return code; }
  return needs_context && stack.empty() ? NO_CONTEXT : OK;
}
int put(Stream* stream, Work work) {
  if (!stream) return INVALID_VALUE;
  (stream->capturing ? stream->captured : stream->queue).push_back(std::move(work));
  return OK;
}
void run(Stream* stream) {
  std::vector<Work> queue;
  queue.swap(stream->queue);
  for (auto& work : queue) work();
}
int forbidden_while_capturing() {
  if (!capturing) return OK;
  capturing->broken = true;
  return CAPTURE_UNSUPPORTED;
}
bool within(const std::map<char*, size_t>& blocks, const void* start, size_t size) {
  auto block = blocks.upper_bound((char*)start);
  if (block == blocks.begin()) return false;
  --block;
  return (char*)start + size <= block->first + block->second;
}
template <class T> T argument(void** places, int i) { T value; memcpy(&value, places[i], sizeof value); return value; }
}  // namespace

#define BEGIN_IN(needs_context)                                   \
  if (const int code = begin(__func__, needs_context)) return code; \
  std::lock_guard<std::recursive_mutex> guard(lock)
#define BEGIN BEGIN_IN(true)
#define BEGIN_ANYWHERE BEGIN_IN(false)

extern "C" {
// ---- for the tests -----------------------------------------------------------------------------
void fake_reset(size_t bytes) { trace.clear(); threads.clear(); failures.clear(); limit = bytes; }
const char* fake_trace() { return trace.c_str(); }
void fake_note(const char* what) { begin(what, false); }
void fake_fail(const char* name, int code) { failures[name] = code; }
void fake_limit(size_t bytes) { limit = bytes; }
size_t fake_used() { return used; }
long fake_living() { return living + (long)memory.size() + (long)pinned.size(); }
int fake_current() { return !stack.empty(); }
int fake_capturing() { return capturing != nullptr; }
size_t fake_size_of_network() { return sizeof(Network); }
size_t fake_size_of_crop() { return sizeof(Crop); }
int fake_enqueue(Stream* stream, void (*call)(void)) { return put(stream, call); }

// ---- devices and contexts ----------------------------------------------------------------------
int cuInit(unsigned) { return begin("cuInit", false); }
int cuDriverGetVersion(int* version) { *version = 13000; return OK; }
int cuDeviceGetCount(int* count) { *count = 1; return OK; }
int cuDeviceGet(int* device, int number) { *device = number; return number == 0 ? OK : INVALID_VALUE; }
int cuDeviceGetName(char* name, int size, int) { strncpy(name, "FAKE GPU", size); return OK; }
int cuDeviceGetAttribute(int* value, int attribute, int) { *value = attribute == 75 ? 9 : 0; return OK; }
int cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = (size_t)1 << 30; return OK; }
int cuGetErrorName(int code, const char** name) {
  *name = code == NO_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_FAKE"; return OK;
}
int cuDevicePrimaryCtxRetain(void** context, int) { BEGIN_ANYWHERE; ++living; *context = &primary; return OK; }
int cuDevicePrimaryCtxRelease_v2(int) { BEGIN_ANYWHERE; --living; return OK; }
int cuCtxPushCurrent_v2(void* context) { BEGIN_ANYWHERE; stack.push_back(context); return OK; }
int cuCtxPopCurrent_v2(void** context) { BEGIN; *context = stack.back(); stack.pop_back(); return OK; }

// ---- memory ------------------------------------------------------------------------------------
int cuMemAlloc_v2(unsigned long long* address, size_t size) {
  BEGIN;
  if (int code = forbidden_while_capturing()) return code;
  if (used + size > limit) return NO_MEMORY;
  char* block = (char*)malloc(size);
  memset(block, 0xff, size);
  memory[block] = size; used += size;
  *address = (unsigned long long)block;
  return OK;
}
int cuMemFree_v2(unsigned long long address) {
  BEGIN;
  const auto block = memory.find((char*)address);
  if (block == memory.end()) return INVALID_VALUE;
  used -= block->second; free(block->first); memory.erase(block);
  return OK;
}
int cuMemHostAlloc(void** address, size_t size, unsigned) {
  BEGIN;
  char* block = (char*)malloc(size);
  pinned[block] = size; *address = block;
  return OK;
}
int cuMemFreeHost(void* address) { BEGIN; if (!pinned.erase((char*)address)) return INVALID_VALUE; free(address); return OK; }
int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, size_t size, Stream* stream) {
  BEGIN;
  if (!within(memory, (void*)to, size)) return INVALID_VALUE;
  if (within(pinned, from, size)) return put(stream, [=] { memcpy((void*)to, from, size); });
  if (int code = forbidden_while_capturing()) return code;
  std::vector<char> copy((const char*)from, (const char*)from + size);
  return put(stream, [=] { memcpy((void*)to, copy.data(), size); });
}
int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, size_t size, Stream* stream) {
  BEGIN;
  if (!within(memory, (void*)from, size)) return INVALID_VALUE;
  if (!within(pinned, to, size)) {
    if (int code = forbidden_while_capturing()) return code;
    run(stream); memcpy(to, (void*)from, size); return OK;
  }
  return put(stream, [=] { memcpy(to, (void*)from, size); });
}
int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t size, Stream* stream) {
  BEGIN;
  if (!within(memory, (void*)from, size) || !within(memory, (void*)to, size)) return INVALID_VALUE;
  return put(stream, [=] { memcpy((void*)to, (void*)from, size); });
}

// ---- streams and graphs ------------------------------------------------------------------------
int cuStreamCreate(Stream** stream, unsigned) { BEGIN; ++living; *stream = new Stream; return OK; }
int cuStreamDestroy_v2(Stream* stream) { BEGIN; --living; delete stream; return OK; }
int cuStreamSynchronize(Stream* stream) {
  if (int code = begin("cuStreamSynchronize")) return code;
  if (int code = forbidden_while_capturing()) return code;
  run(stream);  // without the lock: TensorRT's fake calls back into Python
  return OK;
}
int cuStreamBeginCapture_v2(Stream* stream, int) { BEGIN; stream->capturing = true; stream->captured.clear(); capturing = stream; return OK; }
int cuStreamEndCapture(Stream* stream, Graph** graph) {
  const int failure = begin(__func__);  // the capture ends nevertheless
  std::lock_guard<std::recursive_mutex> guard(lock);
  stream->capturing = false; capturing = nullptr; *graph = nullptr;
  if (failure) { stream->broken = false; return failure; }
  if (stream->broken) { stream->broken = false; return CAPTURE_INVALIDATED; }
  ++living; *graph = new Graph{stream->captured};
  return OK;
}
int cuGraphInstantiateWithFlags(Exec** exec, Graph* graph, unsigned long long) { BEGIN; ++living; *exec = new Exec{graph->work}; return OK; }
int cuGraphDestroy(Graph* graph) { BEGIN; --living; delete graph; return OK; }
int cuGraphLaunch(Exec* exec, Stream* stream) { BEGIN; for (auto& work : exec->work) put(stream, work); return OK; }
int cuGraphExecDestroy(Exec* exec) { BEGIN; --living; delete exec; return OK; }

// ---- kernels -----------------------------------------------------------------------------------
int cuModuleLoadData(void** module, const void*) { BEGIN; ++living; *module = malloc(1); return OK; }
int cuModuleUnload(void* module) { BEGIN; --living; free(module); return OK; }
int cuModuleGetFunction(const char** function, void*, const char* name) {
  BEGIN;
  for (const char* known : {"cut_crops", "decode_heatmaps"})
    if (!strcmp(name, known)) { *function = known; return OK; }
  return NOT_FOUND;
}
int cuLaunchKernel(const char* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned, Stream* stream, void** p, void**) {
  BEGIN;
  if (!gx || !gy || !gz || bz != 1) return INVALID_VALUE;
  const auto* network = argument<const Network*>(p, 0);
  const auto* crops = argument<const Crop*>(p, 1);
  if (!strcmp(function, "cut_crops")) {
    const auto* frames = argument<const unsigned char*>(p, 2);
    auto* batch = argument<float*>(p, 3);
    const int mirrored = argument<int>(p, 4);
    return put(stream, [=] { cut_crops(gx, gy, gz, bx, by, network, crops, frames, batch, mirrored); });
  }
  if (bx != THREADS || by != 1 || gz != 1) return INVALID_VALUE;
  const auto* flip = argument<const int*>(p, 2);
  const auto* maps = argument<const float*>(p, 3);
  const auto* mirrored = argument<const float*>(p, 4);
  auto* rows = argument<float*>(p, 5);
  auto* found = argument<float*>(p, 6);
  return put(stream, [=] { decode_heatmaps(gx, gy, network, crops, flip, maps, mirrored, rows, found); });
}
}
