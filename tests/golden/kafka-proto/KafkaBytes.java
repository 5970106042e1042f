// Turns messages given as JSON into the bytes that Apache Kafka's own code writes for them. Run by make_golden.py:
//
//   java -cp <jars of Kafka and jackson> KafkaBytes.java  < lines of "<Message> <version> <json>"
//
// Prints one line of hex for each.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

public class KafkaBytes {
  public static void main(String[] arguments) throws Exception {
    var json = new ObjectMapper();
    var in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] part = line.split(" ", 3);
      System.out.println(HexFormat.of().formatHex(bytes(part[0], Short.parseShort(part[1]), json.readTree(part[2]))));
    }
  }

  /** Of a message that goes over the wire, or of the key or value of a record that a coordinator stores. */
  private static Class<?> converter(String name) throws ClassNotFoundException {
    for (String place : new String[] {"common.message." + name + "Data", "coordinator.group.generated." + name,
                                      "coordinator.transaction.generated." + name}) {
      try {
        return Class.forName("org.apache.kafka." + place + "JsonConverter");
      } catch (ClassNotFoundException e) {
        // elsewhere
      }
    }
    throw new ClassNotFoundException(name);
  }

  private static byte[] bytes(String name, short version, JsonNode value) throws Exception {
    Class<?> converter = converter(name);
    var message = (Message) converter.getMethod("read", JsonNode.class, short.class).invoke(null, value, version);
    ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }
}
