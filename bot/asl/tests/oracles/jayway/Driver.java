// Answers queries with Jayway's json-path, for the comparison in tests/oracles.rs.
//
// Reads one JSON object {"path": …, "document": …} per line. Writes one line for each:
//   V <json>          the value
//   N <text>          PathNotFoundException
//   I <text>          any other exception while the path was evaluated
//   S <text>          the path was refused

import com.jayway.jsonpath.Configuration;
import com.jayway.jsonpath.JsonPath;
import com.jayway.jsonpath.PathNotFoundException;
import com.jayway.jsonpath.internal.PathCompiler;
import com.jayway.jsonpath.spi.json.AbstractJsonProvider;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public final class Driver {
    public static void main(String[] args) throws Exception {
        Configuration configuration = Configuration.builder().jsonProvider(new Provider()).build();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(
            new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false, StandardCharsets.UTF_8);
        int count = 0;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (count++ % 500 == 0) {
                emptyCache();
            }
            Map<?, ?> query = (Map<?, ?>) new Json(line).read();
            out.println(answer((String) query.get("path"), query.get("document"), configuration).replace("\n", "\\n"));
        }
        out.flush();
    }

    /** The library's cache of paths grows slower with each path that it holds. */
    private static void emptyCache() throws ReflectiveOperationException {
        Field cache = PathCompiler.class.getDeclaredField("cache");
        cache.setAccessible(true);
        for (Field part : cache.getType().getDeclaredFields()) {
            part.setAccessible(true);
            Object content = part.get(cache.get(null));
            if (content instanceof Map) {
                ((Map<?, ?>) content).clear();
            } else if (content instanceof Collection) {
                ((Collection<?>) content).clear();
            }
        }
    }

    private static String answer(String text, Object document, Configuration configuration) {
        JsonPath path;
        try {
            path = JsonPath.compile(text);
        } catch (Throwable refused) {
            return "S " + refused.getMessage();
        }
        try {
            StringBuilder json = new StringBuilder();
            write(path.read(document, configuration), json);
            return "V " + json;
        } catch (PathNotFoundException missing) {
            return "N " + missing.getMessage();
        } catch (Throwable failed) {
            return "I " + failed.getMessage();
        }
    }

    private static void write(Object value, StringBuilder json) {
        if (value instanceof Map) {
            json.append('{');
            for (Map.Entry<?, ?> member : ((Map<?, ?>) value).entrySet()) {
                if (json.charAt(json.length() - 1) != '{') {
                    json.append(',');
                }
                quote((String) member.getKey(), json);
                json.append(':');
                write(member.getValue(), json);
            }
            json.append('}');
        } else if (value instanceof List) {
            json.append('[');
            int count = 0;
            for (Object item : (List<?>) value) {
                if (count++ > 0) {
                    json.append(',');
                }
                write(item, json);
            }
            json.append(']');
        } else if (value instanceof String) {
            quote((String) value, json);
        } else {
            json.append(value);
        }
    }

    private static void quote(String text, StringBuilder json) {
        json.append('"');
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\' || c < ' ' || c > '~') {
                json.append(String.format("\\u%04x", (int) c));
            } else {
                json.append(c);
            }
        }
        json.append('"');
    }

    /** Maps and lists of Java's own, in the document's order. */
    private static final class Provider extends AbstractJsonProvider {
        @Override
        public Object parse(String json) {
            return new Json(json).read();
        }

        @Override
        public Object parse(InputStream json, String charset) {
            throw new UnsupportedOperationException();
        }

        @Override
        public String toJson(Object value) {
            StringBuilder json = new StringBuilder();
            write(value, json);
            return json.toString();
        }

        @Override
        public Object createArray() {
            return new ArrayList<>();
        }

        @Override
        public Object createMap() {
            return new LinkedHashMap<>();
        }
    }

    /** Reads JSON that serde_json wrote: valid, without white space. */
    private static final class Json {
        private final String text;
        private int at;

        Json(String text) {
            this.text = text;
        }

        Object read() {
            switch (text.charAt(at)) {
                case '{': {
                    Map<String, Object> members = new LinkedHashMap<>();
                    at++;
                    while (text.charAt(at) != '}') {
                        if (text.charAt(at) == ',') {
                            at++;
                        }
                        String name = string();
                        at++;
                        members.put(name, read());
                    }
                    at++;
                    return members;
                }
                case '[': {
                    List<Object> items = new ArrayList<>();
                    at++;
                    while (text.charAt(at) != ']') {
                        if (text.charAt(at) == ',') {
                            at++;
                        }
                        items.add(read());
                    }
                    at++;
                    return items;
                }
                case '"':
                    return string();
                case 't':
                    at += 4;
                    return Boolean.TRUE;
                case 'f':
                    at += 5;
                    return Boolean.FALSE;
                case 'n':
                    at += 4;
                    return null;
                default:
                    return number();
            }
        }

        private Object number() {
            int start = at;
            while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
            String number = text.substring(start, at);
            if (number.matches("-?[0-9]+")) {
                BigInteger whole = new BigInteger(number);
                return whole.bitLength() < 64 ? (Object) whole.longValueExact() : whole;
            }
            return Double.parseDouble(number);
        }

        private String string() {
            StringBuilder content = new StringBuilder();
            at++;
            while (text.charAt(at) != '"') {
                char c = text.charAt(at++);
                if (c != '\\') {
                    content.append(c);
                    continue;
                }
                char escape = text.charAt(at++);
                switch (escape) {
                    case 'n': content.append('\n'); break;
                    case 't': content.append('\t'); break;
                    case 'r': content.append('\r'); break;
                    case 'b': content.append('\b'); break;
                    case 'f': content.append('\f'); break;
                    case 'u':
                        content.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                        at += 4;
                        break;
                    default: content.append(escape);
                }
            }
            at++;
            return content.toString();
        }
    }
}
