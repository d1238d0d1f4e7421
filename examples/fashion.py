"""Recognize clothing: a small VGG and a small ResNet, each to 91% within minutes.

VGG stacks 3x3 convolutions and halves the image between the stacks; most of its weights
are in the dense layer behind. ResNet adds a block's input to its output, so that a block
only learns what to change, normalizes every convolution, and ends in a mean over the
image: it needs a third of the weights.

The data are read where ``sudo apt-get install dataset-fashion-mnist`` puts them, or in
``$CNNLITE_DATA/fashion-mnist``; where they are not, the error says how to get them.
``--quick`` trains on the 4,000 bundled handwritten digits instead.

Data: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST", arXiv:1708.07747, 2017.
Networks: after K. Simonyan and A. Zisserman, arXiv:1409.1556, 2014, and K. He, X. Zhang,
S. Ren and J. Sun, arXiv:1512.03385, 2015.
"""

import sys
import time

import cnnlite as keras
from cnnlite import layers


def vgg():
    def conv(filters):
        return layers.Conv2D(
            filters, 3, padding="same", activation="relu", kernel_initializer="he_normal"
        )

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(conv(16), conv(16), layers.MaxPooling2D(2)),
            *(conv(32), conv(32), layers.MaxPooling2D(2)),
            *(layers.Dropout(0.2), layers.Flatten()),
            *(layers.Dense(128, activation="relu"), layers.Dropout(0.4)),
            layers.Dense(10, activation="softmax"),
        ]
    )


def resnet():
    def conv(x, filters, kernel_size, strides=1):
        options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
        x = layers.Conv2D(filters, kernel_size, strides, **options)(x)
        return layers.BatchNormalization(momentum=0.9)(x)

    def block(x, filters):
        """Halve the image and double the maps, on both ways."""
        y = layers.ReLU()(conv(x, filters, 3, 2))
        y = conv(y, filters, 3)
        return layers.ReLU()(layers.Add()([y, conv(x, filters, 1, 2)]))

    image = keras.Input((28, 28, 1))
    x = layers.ReLU()(conv(image, 16, 3))
    x = layers.GlobalAveragePooling2D()(block(block(x, 32), 64))
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def main(quick=False):
    keras.set_num_threads(2)
    data = keras.datasets.mnist5k if quick else keras.datasets.fashion_mnist
    (x_train, y_train), (x_test, y_test) = data.load_data()
    x_train, x_test = x_train[..., None] / 255, x_test[..., None] / 255
    batch_size = 32 if quick else 128

    figures = {}
    print(f"{len(x_train):,} images to learn, {len(x_test):,} to test")
    print(
        f"{'network':<8}{'parameters':>12}{'epochs':>8}{'seconds':>9}{'CPU s':>7}{'accuracy':>10}"
    )
    for name, network, rate, epochs in (("VGG", vgg, 0.002, 5), ("ResNet", resnet, 0.005, 6)):
        epochs = 1 if quick else epochs
        keras.set_random_seed(0)
        model = network()
        steps = epochs * len(x_train) // batch_size
        rates = keras.optimizers.schedules.CosineDecay(rate, steps)
        model.compile(
            keras.optimizers.Adam(rates), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        wall, cpu = time.perf_counter(), time.process_time()
        model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=0)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        figures[name] = model.evaluate(x_test, y_test, batch_size=500, verbose=0)[1]
        print(
            f"{name:<8}{model.count_params():>12,}{epochs:>8}{wall:>9.1f}{cpu:>7.1f}"
            f"{figures[name]:>10.4f}",
            flush=True,
        )

    for name, accuracy in figures.items():
        assert accuracy >= (0.85 if quick else 0.91), f"{name} reaches only {accuracy:.4f}"
    return figures


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
