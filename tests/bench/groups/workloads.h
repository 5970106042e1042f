// What group_client can be asked to do, each a file. Each prints one line of JSON at the end.
#pragma once

#include <string>
#include <vector>

namespace chronik::bench {

// The words of the command line, in order. Dies where one is missing.
class Words {
 public:
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {}
  std::string text();
  double number();
  int count();

 private:
  std::vector<std::string> words_;
  size_t next_ = 0;
};

void settle_classic(Words words);
void settle_consumer(Words words);
void roll_static(Words words);
void roll_cooperative(Words words);
void fail_over(Words words);
void idle(Words words);
void commits(Words words);
void fill_offsets(Words words);
void check_offsets(Words words);

// A group that no run before has left members in.
std::string fresh_group(const std::string& what);
// Of the sorted values; q from 0 to 1.
double quantile(const std::vector<double>& sorted, double q);

}  // namespace chronik::bench
