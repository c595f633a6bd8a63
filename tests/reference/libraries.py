"""What Python's standard library does not have, from the shared libraries of OpenSSL 3 and zstd."""
import ctypes
from ctypes.util import find_library

CRYPTO = ctypes.CDLL(find_library("crypto") or "libcrypto.so.3")
ZSTD = ctypes.CDLL(find_library("zstd") or "libzstd.so.1")
for function in (CRYPTO.EVP_CIPHER_CTX_new, CRYPTO.EVP_aes_256_gcm):
    function.restype = ctypes.c_void_p
for function in (ZSTD.ZSTD_decompress, ZSTD.ZSTD_findFrameCompressedSize):
    function.restype = ctypes.c_size_t
SET_TAG = 0x11  # EVP_CTRL_AEAD_SET_TAG


def open_aes_256_gcm(key, nonce, additional, box):
    """The plaintext of ciphertext || tag (16 bytes); None when it does not verify."""
    if len(key) != 32 or len(nonce) != 12 or len(box) < 16:
        return None
    context = ctypes.c_void_p(CRYPTO.EVP_CIPHER_CTX_new())
    size, written = len(box) - 16, ctypes.c_int(0)
    out = ctypes.create_string_buffer(size + 16)
    cipher = ctypes.c_void_p(CRYPTO.EVP_aes_256_gcm())
    try:
        for done in (lambda: CRYPTO.EVP_DecryptInit_ex(context, cipher, None, key, nonce),
                     lambda: CRYPTO.EVP_DecryptUpdate(context, None, ctypes.byref(written), additional, len(additional)),
                     lambda: CRYPTO.EVP_DecryptUpdate(context, out, ctypes.byref(written), box[:size], size),
                     lambda: CRYPTO.EVP_CIPHER_CTX_ctrl(context, SET_TAG, 16, box[size:]),
                     lambda: CRYPTO.EVP_DecryptFinal_ex(context, out, ctypes.byref(written))):
            if done() != 1:
                return None
        return out.raw[:size]
    finally:
        CRYPTO.EVP_CIPHER_CTX_free(context)


def open_zstd(frame, limit):
    """The content of exactly one frame; None when it is not one, or has more than `limit` bytes."""
    if ZSTD.ZSTD_findFrameCompressedSize(frame, ctypes.c_size_t(len(frame))) != len(frame):
        return None
    out = ctypes.create_string_buffer(limit + 1)
    size = ZSTD.ZSTD_decompress(out, ctypes.c_size_t(limit), frame, ctypes.c_size_t(len(frame)))
    return None if ZSTD.ZSTD_isError(ctypes.c_size_t(size)) else out.raw[:size]
