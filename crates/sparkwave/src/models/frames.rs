//! Checkpoints of networks for frames, which here are volumes of depth 1.

use sparkwave_core::weights::{Parameter, Weights};

/// Gives kernels of two dimensions a third, of length 1, and convolutions that have no bias one of zeros.
pub(super) fn as_volumes(weights: &mut Weights) {
    let mut biases = Vec::new();
    for (name, array) in &mut weights.parameters {
        if array.shape.len() == 4 && name.ends_with("weight") {
            array.shape.insert(2, 1);
            if name.contains(".double_conv.") {
                biases.push((name.replace("weight", "bias"), array.shape[0]));
            }
        }
    }
    for (name, n) in biases {
        weights.parameters.entry(name).or_insert_with(|| Parameter::new(vec![n], vec![0.0; n]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_nn::card::Architecture;
    use sparkwave_nn::models::unet2d::UNet2dConfig;
    use sparkwave_nn::network;

    #[test]
    fn kernels_of_frames_fit_a_network_for_frames() {
        let architecture = Architecture::Unet2d(UNet2dConfig { width: 2, depth: 2, ..UNet2dConfig::frames() });
        let ours = network::untrained(&architecture, 3).expect("valid");
        let mut theirs = ours.clone();
        theirs.parameters.retain(|name, _| !name.ends_with("double_conv.0.bias"));
        for array in theirs.parameters.values_mut().filter(|a| a.shape.len() == 5) {
            assert_eq!(array.shape.remove(2), 1);
        }
        assert!(network::open(&architecture, &theirs, &sparkwave_nn::cpu()).is_err());
        as_volumes(&mut theirs);
        assert_eq!(Architecture::of(&theirs), Some(architecture.clone()));
        network::open(&architecture, &theirs, &sparkwave_nn::cpu()).expect("they fit");
        assert_eq!(theirs.parameters["up1.up.weight"], ours.parameters["up1.up.weight"]);
        assert!(theirs.parameters["inc.double_conv.0.bias"].values.iter().all(|b| *b == 0.0));
    }
}
