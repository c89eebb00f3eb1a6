#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <signal.h>
#include <string>
#include <sys/resource.h>
#include <torch/types.h>
#include <vector>

#include "base/random.h"
#include "configs/config.h"
#include "models/objective.h"
#include "tests/support/temporary_folder.h"
#include "train/checkpoint.h"
#include "train/run_state.h"

/// Small parts that the tests of train/ share.
namespace atelier {

/// While it lives, no file may grow past `bytes`: a disk that is full, as far as a writer can tell.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  sighandler_t handler_;
};

/// Two players that fit lines to the brightness of an image: enough of an Objective to drive a trainer.
class TwoLines : public Objective {
 public:
  explicit TwoLines(int64_t features = 12);
  std::vector<Player> players() override;
  torch::Tensor loss(size_t player, const Examples& examples, uint64_t seed) override;
  torch::Tensor held_out_loss(const Examples& examples, uint64_t seed) override;
  std::string held_out_name() const override { return "square error"; }
  torch::Tensor generate(const Wish& wish) override;
  const ModelSpec& spec() const override { return spec_; }
  void observe(const Examples& examples, uint64_t seed) override;

  double factor = 1;  ///< on every loss: infinity makes steps fail

 private:
  struct Line;
  ModelSpec spec_;
  std::shared_ptr<Line> first_, second_;
};

/// Another objective with something wrong in it.
class Planted : public Objective {
 public:
  explicit Planted(std::unique_ptr<Objective> inner) : inner_(std::move(inner)) {}
  std::vector<Player> players() override { return inner_->players(); }
  torch::Tensor loss(size_t player, const Examples& examples, uint64_t seed) override;
  torch::Tensor held_out_loss(const Examples& examples, uint64_t seed) override {
    return inner_->held_out_loss(examples, seed);
  }
  std::string held_out_name() const override { return inner_->held_out_name(); }
  void observe(const Examples& examples, uint64_t seed) override { inner_->observe(examples, seed); }
  void set_recompute(bool on) override { inner_->set_recompute(on); }
  torch::Tensor generate(const Wish& wish) override { return inner_->generate(wish); }
  const ModelSpec& spec() const override { return inner_->spec(); }

  std::set<uint64_t> not_a_number;    ///< positions whose pictures are NaN
  std::optional<size_t> only_player;  ///< who sees them so; nothing: all
  bool steep = false;                 ///< losses are finite, their gradients overflow
  int times = 1'000'000;              ///< calls of loss with anything planted; then all is well
  bool fails_then = false;            ///< but not well: every loss throws

 private:
  std::unique_ptr<Objective> inner_;
};

/// A small network with weights of all sizes, none 0: "diffusion" or "pix2pix", of 16 pixels.
std::unique_ptr<Objective> rough_network(const std::string& kind);
/// What it trains on: uint8 [count, 3, 16, 16], with outlines.
Examples pictures_at(uint64_t position, int64_t count);

/// uint8 [count, 3, 2, 2] at positions from `position` on; a pure function of the positions.
Examples examples_at(uint64_t position, int64_t count);

/// A run of TwoLines: batch 4, in float32 on the CPU with one thread.
Config small_config();
RunState small_state(const Config& config);

/// A snapshot whose every number is the position.
Snapshot snapshot_at(uint64_t position, int64_t size = 2'000);

/// Changes the last byte of a file.
void damage(const std::filesystem::path& file);

}  // namespace atelier
