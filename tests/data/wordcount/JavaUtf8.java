import java.nio.ByteBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Writes how Java reads bytes as UTF-8 where malformed input is replaced, which is what Hadoop's Text.toString() does.
 *
 *   javac JavaUtf8.java && java JavaUtf8 > java-utf8.txt
 *
 * A line for every text of one or two bytes of BYTES: the text, what it is read as, in hexadecimal. Then a line for
 * every first byte: the byte and the FNV-1a hash (64 bits) of what all texts of four bytes that begin with it are read
 * as, in order, each followed by a newline.
 */
final class JavaUtf8 {
    /** Every byte that some rule of UTF-8 begins or ends at. */
    static final int[] BYTES = {
        0x00, 0x0A, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
        0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFB, 0xFC, 0xFE, 0xFF};

    static byte[] read(byte[] text) throws Exception {
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
        return decoder.decode(ByteBuffer.wrap(text)).toString().getBytes(StandardCharsets.UTF_8);
    }

    static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte b : bytes) text.append(String.format("%02x", b & 0xFF));
        return text.toString();
    }

    public static void main(String[] arguments) throws Exception {
        for (int a : BYTES) {
            System.out.println(hex(new byte[] {(byte) a}) + " " + hex(read(new byte[] {(byte) a})));
            for (int b : BYTES) {
                byte[] text = {(byte) a, (byte) b};
                System.out.println(hex(text) + " " + hex(read(text)));
            }
        }
        for (int a : BYTES) {
            long hash = 0xcbf29ce484222325L;
            for (int b : BYTES) for (int c : BYTES) for (int d : BYTES) {
                byte[] read = read(new byte[] {(byte) a, (byte) b, (byte) c, (byte) d});
                for (byte each : read) hash = (hash ^ (each & 0xFF)) * 0x100000001b3L;
                hash = (hash ^ '\n') * 0x100000001b3L;
            }
            System.out.println(String.format("%02x %016x", a, hash));
        }
    }
}
