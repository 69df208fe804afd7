#include "train/seed_command.hpp"

#include <sstream>

namespace weft::train {

std::vector<std::string> seed_command() {
  std::istringstream in(
      "--world-size 8 --tensor-model-parallel-size 2 --pipeline-model-parallel-size 4 "
      "--num-layers-per-virtual-pipeline-stage 1 --use-dpp 1 --num-gpus 8 "
      "--node-ips 192.168.0.2,192.168.0.2,192.168.0.2,192.168.0.2,192.168.0.7,192.168.0.7,"
      "192.168.0.7,192.168.0.7 "
      "--num-layers 16 --hidden-size 2048 --num-attention-heads 32 --seq-length 2048 "
      "--max-position-embeddings 2048 --micro-batch-size 2 --global-batch-size 16 "
      "--train-iters 20 --adam-beta1 0.9 --adam-beta2 0.95 --init-method-std 0.006 "
      "--weight-decay 0.1 --clip-grad 1.0 --fp16 --lr 6.0e-5 --min-lr 6.0e-6 "
      "--lr-decay-style cosine --lr-warmup-fraction .001 --lr-decay-iters 430000 "
      "--recompute-activations --data-path datasets/gpt-large-cased-vocab-small_text_document "
      "--vocab-file datasets/vocab.json --merge-file datasets/merges.txt --split 949,50,1 "
      "--tensorboard-dir tensor_board --log-interval 1 --save-interval 50 --eval-interval 20 "
      "--eval-iters 10 --save ngc_models --load ngc_models "
      "--transformer-impl transformer_engine --num-workers 2");
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace weft::train
