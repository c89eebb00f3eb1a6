#pragma once

#include <cstdint>
#include <optional>
#include <string>

/// What a run is. Every setting of Atelier is a member here, with its default; `each_setting` in settings.h adds its
/// unit, range and help, once. All values are plain: copy a Config freely.
namespace atelier {

enum class Shuffle { kFull, kWindow, kNone };
enum class Balance { kNone, kLabel };
enum class HeadCheck { kAlways, kAuto, kNever };
enum class Condition { kNone, kFile, kOutline };
enum class Shapes { kSquare, kBuckets };
enum class Fit { kCrop, kRandom, kPad, kStretch };
enum class Resample { kArea, kBilinear, kLanczos };
enum class Kind { kDiffusion, kPix2pix };
enum class DenoisingObjective { kEdm, kFlow };
enum class Precision { kAuto, kFloat32, kBfloat16, kFloat16 };
enum class Device { kAuto, kCpu, kCuda };
enum class RateSchedule { kConstant, kCosine };
enum class Resume { kAuto, kNever, kMust };
enum class Quality { kFast, kBalanced, kHigh };

/// Where images come from and how they are delivered.
struct DataConfig {
  std::string list;              ///< the list file (txt, csv, tsv or jsonl), a packed store, or a mix of such
  std::string cache;             ///< folder that keeps what has been fetched; empty: none
  std::string where;             ///< which rows are used; empty: all
  bool verify_list = false;      ///< read the whole list, even if its index looks right
  bool accept_list = false;      ///< go on with a list that is not the run's
  std::optional<uint64_t> seed;  ///< order and augmentation; the run's seed when absent
  Shuffle shuffle = Shuffle::kFull;
  Balance balance = Balance::kNone;         ///< equal shares for the labels, however many rows they have
  double held_out = 0.0;                    ///< share of groups kept out of training, for the held-out loss
  int image_size = 64;                      ///< edge of the square that is delivered, pixels
  Shapes shapes = Shapes::kSquare;          ///< all square, or each near its picture's own aspect ratio
  Fit fit = Fit::kCrop;                     ///< cut the centre or anywhere, pad with white, or stretch
  Resample resample = Resample::kBilinear;  ///< filter of the resize
  Condition condition = Condition::kNone;
  bool flip = true;                       ///< mirror half of the images
  double brightness = 0.2;                ///< factor drawn from [1 - b, 1 + b]
  double noise = 0;                       ///< share of input images that are degraded by noise,
  double blur = 0;                        ///< by defocus,
  double shake = 0;                       ///< by a shaking hand,
  double motion = 0;                      ///< by motion
  uint64_t max_image_size = 10'485'760;   ///< bytes of one encoded image
  HeadCheck head = HeadCheck::kAlways;    ///< ask for an image's size before its bytes
  bool respect_opt_out = true;            ///< leave out what its server asks not to be used (X-Robots-Tag)
  std::string user_agent;                 ///< sent to servers; empty: "atelier/VERSION"
  std::string credentials;                ///< file of headers for certain servers; empty: none
  std::string netrc;                      ///< file of logins for certain servers; empty: none
  std::string ca_file;                    ///< certificates to trust instead of the system's; empty: those
  std::string proxy;                      ///< where all requests go through; empty: none
  bool allow_private = false;             ///< connect to loopback and private addresses
  int connections = 32;                   ///< transfers at once
  int threads = 0;                        ///< decoding; 0: one a core
  uint64_t memory = uint64_t{512} << 20;  ///< bytes in flight: encoded, decoded and batched
  double connect_timeout = 10;            ///< seconds to look up and connect, TLS included
  double first_byte_timeout = 15;         ///< seconds from a request to the first byte of its answer
  double head_timeout = 10;               ///< seconds for a HEAD
  double get_timeout = 30;                ///< seconds for a GET, start to last byte
  double sample_deadline = 120;           ///< seconds of retries before a transient failure becomes a verdict
  double max_failure_rate = 0.5;          ///< of the last 10,000 positions; more ends the run
  double outage_limit = 3600;             ///< seconds without any reachable host before the run ends
  double stall_limit = 600;               ///< seconds of waiting while nothing at all moves before the run ends
};

/// The network.
struct ModelConfig {
  Kind kind = Kind::kDiffusion;
  DenoisingObjective objective = DenoisingObjective::kEdm;

  int channels = 64;        ///< width at full resolution
  int levels = 3;           ///< resolutions: each halves the side
  int blocks = 2;           ///< residual blocks at each resolution (diffusion)
  int attention_size = 16;  ///< self-attention where the side is at most this (diffusion)
  double dropout = 0.1;
  double label_dropout = 0.1;    ///< share of samples trained without their label (diffusion)
  double condition_dropout = 0;  ///< share of samples trained without their condition (diffusion)
  double min_snr_gamma = 0;      ///< caps the weight of little noise in the loss (diffusion); 0: the objective's own
};

/// How the network is trained. "Positions" count samples since the start of the run.
struct TrainConfig {
  std::string run_dir = "runs/train";
  Resume resume = Resume::kAuto;
  std::string init_from;  ///< weights that a new run begins with; empty: from the seed
  int64_t epochs = 50;
  int64_t steps_per_epoch = 100;
  int64_t batch_size = 32;  ///< global, over all processes
  int64_t micro_batch = 0;  ///< images that are computed at once; 0: as many as fit into memory
  bool recompute = false;   ///< the backward pass computes activations again (diffusion)
  Device device = Device::kAuto;
  Precision precision = Precision::kAuto;
  int threads = 0;  ///< computing; 0: one a core
  double learning_rate = 2e-4;
  RateSchedule rate_schedule = RateSchedule::kConstant;
  int64_t warmup = 1'000;  ///< positions over which the rate rises from 0
  double weight_decay = 0.0;
  double clip = 1.0;               ///< largest norm of all gradients; 0: no clipping
  int64_t average_snapshots = 32;  ///< of the running averages of the weights, over the run; 0: none
  int64_t checkpoint_every = 1;    ///< epochs
  int64_t keep_checkpoints = 3;    ///< newest ones that stay on disk
  int64_t keep_every = 0;          ///< checkpoints; each so-manieth stays for good; 0: none
  int64_t sample_every = 1;        ///< epochs; a grid of samples
  bool log_losses = false;         ///< keep the loss of every sample of every step
};

/// What atelier-generate is asked for.
struct GenerateConfig {
  std::string checkpoint;  ///< run folder, one position's folder or a weights file
  std::string label;
  int variations = 1;
  std::string image;      ///< a design to start from, or whose outline is taken
  double strength = 0.6;  ///< how far to leave `image`: 0 keeps it, 1 ignores it (diffusion)
  std::string condition;  ///< the sketch itself
  std::string color;      ///< "#rrggbb" (pix2pix)
  Quality quality = Quality::kBalanced;
  int steps = 0;          ///< sampler steps; 0: from the quality
  double guidance = 1.5;  ///< classifier-free guidance scale; 1: none
  bool average = true;    ///< the running average of the weights instead of the raw ones
  Device device = Device::kAuto;
  int threads = 0;
  std::string out;   ///< folder for PNG files
  std::string grid;  ///< file for a contact sheet
};

struct Config {
  uint64_t seed = 0;
  DataConfig data;
  ModelConfig model;
  TrainConfig train;
  GenerateConfig generate;

  uint64_t data_seed() const { return data.seed.value_or(seed); }
};

}  // namespace atelier
