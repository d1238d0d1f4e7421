"""Layers: bookkeeping and the chain rule, each with its derivative beside it."""

from cnnlite.layers.activation import Activation
from cnnlite.layers.activation_functions import ELU, LeakyReLU, ReLU, Softmax
from cnnlite.layers.attention import AdditiveAttention, Attention
from cnnlite.layers.base import Layer
from cnnlite.layers.configuration import deserialize
from cnnlite.layers.conv import Conv1D, Conv2D
from cnnlite.layers.conv_depthwise import DepthwiseConv1D, DepthwiseConv2D
from cnnlite.layers.conv_separable import SeparableConv1D, SeparableConv2D
from cnnlite.layers.conv_transpose import Conv1DTranspose, Conv2DTranspose
from cnnlite.layers.dense import Dense
from cnnlite.layers.dot import Dot
from cnnlite.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D
from cnnlite.layers.embedding import Embedding
from cnnlite.layers.flatten import Flatten
from cnnlite.layers.input_layer import Input, InputLayer
from cnnlite.layers.lambda_layer import Lambda
from cnnlite.layers.masking import ActivityRegularization, Masking
from cnnlite.layers.merge import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract
from cnnlite.layers.merge_functions import (
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from cnnlite.layers.multi_head_attention import MultiHeadAttention
from cnnlite.layers.noise import GaussianDropout, GaussianNoise
from cnnlite.layers.normalization import (
    BatchNormalization,
    LayerNormalization,
    LocalResponseNormalization,
)
from cnnlite.layers.padding import Cropping1D, Cropping2D, ZeroPadding1D, ZeroPadding2D
from cnnlite.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from cnnlite.layers.pooling_global import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from cnnlite.layers.prelu import PReLU
from cnnlite.layers.preprocessing import Normalization, Rescaling
from cnnlite.layers.preprocessing_random import RandomFlip, RandomTranslation
from cnnlite.layers.reshaping import Permute, RepeatVector, Reshape
from cnnlite.layers.rnn import RNN
from cnnlite.layers.rnn_cells import GRUCell, LSTMCell, SimpleRNNCell
from cnnlite.layers.rnn_layers import GRU, LSTM, SimpleRNN
from cnnlite.layers.rnn_stacked import StackedRNNCells
from cnnlite.layers.rnn_wrappers import Bidirectional, TimeDistributed
from cnnlite.layers.upsampling import UpSampling1D, UpSampling2D
from cnnlite.serialization import serialize

# Keras's other names.
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
Convolution1D, Convolution2D = Conv1D, Conv2D
Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D

__all__ = [
    "ELU",
    "LeakyReLU",
    "BatchNormalization",
    "GaussianDropout",
    "GaussianNoise",
    "LayerNormalization",
    "LocalResponseNormalization",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AdditiveAttention",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRU",
    "GRUCell",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "LSTM",
    "LSTMCell",
    "Lambda",
    "Layer",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RNN",
    "RandomFlip",
    "RandomTranslation",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "StackedRNNCells",
    "Subtract",
    "TimeDistributed",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]
