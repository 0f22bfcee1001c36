// Goes away with the first real source: a library needs one.
#include <openssl/crypto.h>
