#pragma once

#include <string>

#include "base/random.h"
#include "configs/config.h"
#include "configs/domain.h"

/// The one declaration of every setting's name, environment variable, unit, help and range; its type and default are
/// the member's in config.h. Private to configs/: the rest of the program reads Config or list_settings().
namespace atelier {

struct Setting {
  const char* key;
  const char* unit;                   ///< "" where there is none
  const char* help;                   ///< one line, no full stop
  const char* environment = nullptr;  ///< null: ATELIER_ and the key in upper case
};

inline constexpr auto kDevices = choice<Device>("auto", "cpu", "cuda");

/// Calls visit(Setting, member, domain) for each member of `config`, a Config or a const Config, in the order in which
/// people read them.
template <class AnyConfig, class Visit>
void each_data_setting(AnyConfig& config, Visit&& visit) {
  auto& data = config.data;
  visit(Setting{"data.list", "",
                "list of images (txt, csv, tsv, jsonl), folder of images or of pack, tars as {000..012}.tar, or a .mix "
                "of such"},
        data.list, Text{});
  visit(Setting{"data.cache", "", "folder that keeps what has been fetched, for later passes; empty: none"}, data.cache,
        Text{});
  visit(Setting{"data.where", "", "rows to use, such as licence=CC-BY-3.0|CC0 and label!=lamp; empty: all"}, data.where,
        Text{});
  visit(Setting{"data.verify_list", "", "read the whole list, even if its index looks right"}, data.verify_list,
        Boolean{});
  visit(Setting{"data.accept_list", "", "go on with a list that has changed since the run was saved"}, data.accept_list,
        Boolean{});
  visit(Setting{"data.seed", "", "seed of order and augmentation; none: the run's"}, data.seed,
        OptionalInteger{{0, int64_t{kMaxSeed}}});
  visit(Setting{"data.shuffle", "", "permute the whole list, windows of it, or nothing"}, data.shuffle,
        choice<Shuffle>("full", "window", "none"));
  visit(Setting{"data.balance", "", "give every label as many samples, or leave the list as it is"}, data.balance,
        choice<Balance>("none", "label"));
  visit(Setting{"data.held_out", "", "share of groups kept out of training, for the held-out loss"}, data.held_out,
        Number{0, 0.9});
  visit(Setting{"data.image_size", "pixels", "edge of the square that the network sees"}, data.image_size,
        Integer{8, 1024});
  visit(Setting{"data.shapes", "", "a square, or one of five shapes of as many pixels, by the list's width and height"},
        data.shapes, choice<Shapes>("square", "buckets"));
  visit(Setting{"data.fit", "", "cut the centre to the shape, cut anywhere, pad with white, or stretch"}, data.fit,
        choice<Fit>("crop", "random", "pad", "stretch"));
  visit(Setting{"data.resample", "",
                "filter of the resize, antialiased: the mean of what a pixel covers, softer, or sharpest"},
        data.resample, choice<Resample>("area", "bilinear", "lanczos"));
  visit(Setting{"data.condition", "", "input image: none, the list's condition_url, or the image's own outline"},
        data.condition, choice<Condition>("none", "file", "outline"));
  visit(Setting{"data.flip", "", "mirror half of the images"}, data.flip, Boolean{});
  visit(Setting{"data.brightness", "", "brightness changes by up to this share"}, data.brightness, Number{0, 0.9});
  visit(Setting{"data.noise", "", "share of input images (condition, or image where there is none) with noise"},
        data.noise, Number{0, 1});
  visit(Setting{"data.blur", "", "share of them that are out of focus"}, data.blur, Number{0, 1});
  visit(Setting{"data.shake", "", "share of them with a shaking hand"}, data.shake, Number{0, 1});
  visit(Setting{"data.motion", "", "share of them with motion"}, data.motion, Number{0, 1});
  visit(Setting{"data.max_image_size", "bytes", "largest encoded image that is fetched", "MAX_IMAGE_SIZE"},
        data.max_image_size, Bytes{1, uint64_t{1} << 30});
  visit(Setting{"data.head", "", "ask for the size first: always, of hosts that do not tell it with GET, or never"},
        data.head, choice<HeadCheck>("always", "auto", "never"));
  visit(Setting{"data.respect_opt_out", "", "leave out what its server marks noai, noimageai, noindex or none"},
        data.respect_opt_out, Boolean{});
  visit(Setting{"data.user_agent", "", "what servers are told; empty: atelier and its version"}, data.user_agent,
        Text{});
  visit(Setting{"data.credentials", "", "file of headers, such as bearer tokens, for the servers that it names"},
        data.credentials, Text{});
  visit(Setting{"data.netrc", "", "netrc file of logins for hosts, sent by https only"}, data.netrc, Text{});
  visit(Setting{"data.ca_file", "", "certificates (PEM) to trust instead of the system's"}, data.ca_file, Text{});
  visit(Setting{"data.proxy", "", "http://, https:// or socks5h://host:port that is trusted with all requests"},
        data.proxy, Text{});
  visit(Setting{"data.allow_private", "", "connect to loopback and private addresses too"}, data.allow_private,
        Boolean{});
  visit(Setting{"data.connections", "", "transfers at once"}, data.connections, Integer{1, 1024});
  visit(Setting{"data.threads", "", "threads that decode; 0: one a core"}, data.threads, Integer{0, 1024});
  visit(Setting{"data.memory", "bytes", "images in flight: encoded, decoded and in batches"}, data.memory,
        Bytes{uint64_t{1} << 20, uint64_t{1} << 40});
  visit(Setting{"data.connect_timeout", "seconds", "looking a host up and connecting to it, TLS included"},
        data.connect_timeout, Number{0.1, 3600});
  visit(Setting{"data.first_byte_timeout", "seconds", "from a request to the first byte of its answer"},
        data.first_byte_timeout, Number{0.1, 3600});
  visit(Setting{"data.head_timeout", "seconds", "a HEAD, start to end"}, data.head_timeout, Number{0.1, 3600});
  visit(Setting{"data.get_timeout", "seconds", "a GET, start to last byte"}, data.get_timeout, Number{0.1, 3600});
  visit(Setting{"data.sample_deadline", "seconds", "retries of one image before another takes its place"},
        data.sample_deadline, Number{0, 86'400});
  visit(Setting{"data.max_failure_rate", "", "failed share of the last 10,000 positions that ends the run"},
        data.max_failure_rate, Number{0, 1});
  visit(Setting{"data.outage_limit", "seconds", "wait while no host can be reached before the run ends"},
        data.outage_limit, Number{0, 604'800});
  visit(Setting{"data.stall_limit", "seconds", "wait while nothing at all moves (something hangs) before the run ends"},
        data.stall_limit, Number{0.1, 604'800});
}

template <class AnyConfig, class Visit>
void each_model_setting(AnyConfig& config, Visit&& visit) {
  auto& model = config.model;
  visit(Setting{"model.kind", "", "what is trained"}, model.kind, choice<Kind>("diffusion", "pix2pix"));
  visit(Setting{"model.objective", "", "what the denoiser learns: EDM, or flow matching on straight paths (diffusion)"},
        model.objective, choice<DenoisingObjective>("edm", "flow"));
  visit(Setting{"model.channels", "", "width of the network at full resolution"}, model.channels, Integer{4, 1024});
  visit(Setting{"model.levels", "", "resolutions; each halves the side"}, model.levels, Integer{1, 10});
  visit(Setting{"model.blocks", "", "residual blocks at each resolution (diffusion)"}, model.blocks, Integer{1, 16});
  visit(Setting{"model.attention_size", "pixels", "self-attention where the side is at most this (diffusion)"},
        model.attention_size, Integer{0, 1024});
  visit(Setting{"model.dropout", "", "share of activations dropped in training"}, model.dropout, Number{0, 0.9});
  visit(Setting{"model.label_dropout", "", "share of samples trained without their label (diffusion)"},
        model.label_dropout, Number{0, 0.9});
  visit(Setting{"model.condition_dropout", "", "share of samples trained without their input image (diffusion)"},
        model.condition_dropout, Number{0, 0.9});
  visit(
      Setting{"model.min_snr_gamma", "",
              "cap on the signal-to-noise ratio as weight of the loss, such as 5; 0: the objective's own (diffusion)"},
      model.min_snr_gamma, Number{0, 1000});
}

template <class AnyConfig, class Visit>
void each_train_setting(AnyConfig& config, Visit&& visit) {
  auto& train = config.train;
  visit(Setting{"train.run_dir", "", "folder of the run: checkpoints, metrics, samples"}, train.run_dir, Text{});
  visit(Setting{"train.resume", "", "go on from the newest checkpoint: if there is one, never, or always"},
        train.resume, choice<Resume>("auto", "never", "must"));
  visit(Setting{"train.init_from", "",
                "weights that a new run begins with: a run folder, one position's, or a weights file; empty: none"},
        train.init_from, Text{});
  visit(Setting{"train.epochs", "epochs", "length of the run", "EPOCHS"}, train.epochs, Integer{1, 1'000'000});
  visit(Setting{"train.steps_per_epoch", "steps", "length of an epoch", "STEPS_PER_EPOCH"}, train.steps_per_epoch,
        Integer{1, 1'000'000});
  visit(Setting{"train.batch_size", "images", "one step, over all processes", "BATCH_SIZE"}, train.batch_size,
        Integer{1, 65'536});
  visit(Setting{"train.micro_batch", "images",
                "computed at once; the gradients of a step are added up; 0: as many as fit into memory"},
        train.micro_batch, Integer{0, 65'536});
  visit(Setting{"train.recompute", "",
                "compute activations again in the backward pass (activation checkpointing): less memory, more time "
                "(diffusion)"},
        train.recompute, Boolean{});
  visit(Setting{"train.device", "", "where to compute; auto: a GPU if there is one"}, train.device, kDevices);
  visit(Setting{"train.precision", "", "of forward and backward; auto: what is fastest here"}, train.precision,
        choice<Precision>("auto", "float32", "bfloat16", "float16"));
  visit(Setting{"train.threads", "", "threads that compute; 0: one a core"}, train.threads, Integer{0, 1024});
  visit(Setting{"train.learning_rate", "", "at its highest"}, train.learning_rate, Number{0, 1});
  visit(Setting{"train.rate_schedule", "", "of the learning rate after the warm-up"}, train.rate_schedule,
        choice<RateSchedule>("constant", "cosine"));
  visit(Setting{"train.warmup", "positions", "over which the learning rate rises from 0"}, train.warmup,
        Integer{0, 1'000'000'000'000});
  visit(Setting{"train.weight_decay", "", "of AdamW"}, train.weight_decay, Number{0, 1});
  visit(Setting{"train.clip", "", "largest norm of all gradients; 0: no clipping"}, train.clip, Number{0, 1'000'000});
  visit(Setting{"train.average_snapshots", "", "of the averages, over the run, to choose their length after; 0: none"},
        train.average_snapshots, Integer{0, 256});
  visit(Setting{"train.checkpoint_every", "epochs", "between checkpoints"}, train.checkpoint_every,
        Integer{1, 1'000'000});
  visit(Setting{"train.keep_checkpoints", "", "newest checkpoints that stay on disk"}, train.keep_checkpoints,
        Integer{1, 1'000'000});
  visit(Setting{"train.keep_every", "checkpoints", "from one that stays for good to the next; 0: none does"},
        train.keep_every, Integer{0, 1'000'000});
  visit(Setting{"train.sample_every", "epochs", "between sample grids"}, train.sample_every, Integer{1, 1'000'000});
  visit(Setting{"train.log_losses", "", "write the loss of every sample of every step to losses.jsonl"},
        train.log_losses, Boolean{});
}

template <class AnyConfig, class Visit>
void each_generate_setting(AnyConfig& config, Visit&& visit) {
  auto& generate = config.generate;
  visit(Setting{"generate.checkpoint", "", "run folder, one position's folder in it, or a weights file"},
        generate.checkpoint, Text{});
  visit(Setting{"generate.label", "", "kind of furniture: one of the checkpoint's labels"}, generate.label, Text{});
  visit(Setting{"generate.variations", "images", "how many to make"}, generate.variations, Integer{1, 64});
  visit(Setting{"generate.image", "", "picture to start from, or whose outline is taken"}, generate.image, Text{});
  visit(Setting{"generate.strength", "", "how far to leave the image: 0 keeps it, 1 ignores it (diffusion)"},
        generate.strength, Number{0, 1});
  visit(Setting{"generate.condition", "", "the input image itself, such as a sketch"}, generate.condition, Text{});
  visit(Setting{"generate.color", "", "colour of the piece; empty: drawn from those seen (pix2pix)"}, generate.color,
        Color{});
  visit(Setting{"generate.quality", "", "chooses the number of steps"}, generate.quality,
        choice<Quality>("fast", "balanced", "high"));
  visit(Setting{"generate.steps", "steps", "of the sampler; 0: from the quality (diffusion)"}, generate.steps,
        Integer{0, 1000});
  visit(Setting{"generate.guidance", "", "classifier-free guidance scale; 1: none (diffusion)"}, generate.guidance,
        Number{0, 100});
  visit(Setting{"generate.average", "", "use the running average of the weights"}, generate.average, Boolean{});
  visit(Setting{"generate.device", "", "where to compute; auto: a GPU if there is one"}, generate.device, kDevices);
  visit(Setting{"generate.threads", "", "threads that compute; 0: one a core"}, generate.threads, Integer{0, 1024});
  visit(Setting{"generate.out", "", "folder for PNG files; empty: none"}, generate.out, Text{});
  visit(Setting{"generate.grid", "", "PNG file for a contact sheet; empty: none"}, generate.grid, Text{});
}

template <class AnyConfig, class Visit>
void each_setting(AnyConfig& config, Visit&& visit) {
  visit(Setting{"seed", "", "seed of everything that is drawn at random"}, config.seed, Integer{0, int64_t{kMaxSeed}});
  each_data_setting(config, visit);
  each_model_setting(config, visit);
  each_train_setting(config, visit);
  each_generate_setting(config, visit);
}

/// The environment variable of a setting.
std::string environment_name(const Setting& setting);

}  // namespace atelier
