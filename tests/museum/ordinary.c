/* A shared object that is no plugin. */
__attribute__((visibility("default"))) int ordinary_answer(void);

int ordinary_answer(void) { return 42; }
