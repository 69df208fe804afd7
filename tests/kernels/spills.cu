// A kernel that cannot do without spilling at 24 registers: what the build must refuse.
__global__ void spills(float* x) {
  float values[64];
  for (int i = 0; i < 64; ++i) values[i] = x[i * 256 + threadIdx.x];
  for (int i = 0; i < 64; ++i) {
    float sum = 0.0F;
    for (int j = 0; j < 64; ++j) sum += values[j] * values[(i * j) % 64];
    x[i * 256 + threadIdx.x] = sum;
  }
}
