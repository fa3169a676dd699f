"""What is fitted on the training split: probes of an encoder, baselines that know little, and their transfer."""
