package bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The fields of an event that the simple count needs, read with Jackson's streaming parser. */
final class Event {
    private static final JsonFactory JSON = new JsonFactory();

    long ts;
    final List<String> tags = new ArrayList<>(4);
    String media = "video";
    long visibleMs = -1;
    double visibleRatio = 1.0;
    double durationS = -1;
    double playedS = -1;
    boolean ended = true;

    static Event parse(byte[] value) throws IOException {
        Event event = new Event();
        try (JsonParser parser = JSON.createParser(value)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken token = parser.nextToken();
                if (token == JsonToken.VALUE_NULL) {
                    continue;
                }
                switch (name) {
                    case "ts" -> event.ts = parser.getLongValue();
                    case "media" -> event.media = parser.getText();
                    case "visible_ms" -> event.visibleMs = parser.getLongValue();
                    case "visible_ratio" -> event.visibleRatio = parser.getDoubleValue();
                    case "duration_s" -> event.durationS = parser.getDoubleValue();
                    case "played_s" -> event.playedS = parser.getDoubleValue();
                    case "ended" -> event.ended = parser.getBooleanValue();
                    case "tags" -> {
                        while (parser.nextToken() != JsonToken.END_ARRAY) {
                            event.tags.add(parser.getText());
                        }
                    }
                    default -> parser.skipChildren();
                }
            }
        }
        return event;
    }

    boolean seen() {
        return visibleMs >= ("video".equals(media) ? 2000 : 1000) && visibleRatio >= 0.5;
    }

    boolean abandoned() {
        double limit = durationS < 0 ? 30.0 : Math.min(60.0, 2 * Math.sqrt(durationS));
        return playedS >= 0 && playedS < limit;
    }
}
