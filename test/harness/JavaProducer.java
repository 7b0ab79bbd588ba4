import java.util.Properties;
import java.util.Scanner;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** BROKER TOPIC CODEC: each line of standard input is a message. */
public class JavaProducer {
    public static void main(String[] args) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("compression.type", args[2]);
        settings.put("linger.ms", "200");
        settings.put("acks", "all");
        StringSerializer text = new StringSerializer();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, text, text);
                Scanner lines = new Scanner(System.in, "UTF-8")) {
            while (lines.hasNextLine()) producer.send(new ProducerRecord<>(args[1], "k", lines.nextLine()));
            producer.flush();
        }
    }
}
