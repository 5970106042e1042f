/* What a plugin of the next ABI major looks like from here: another entry symbol. */
__attribute__((visibility("default"))) const void* chronik_plugin_v2(const void* offer, void* error);

const void* chronik_plugin_v2(const void* offer, void* error) {
  (void)offer;
  (void)error;
  return 0;
}
