/*
 * A simulated insurer's library: INIT and BUSINESS_HANDLE as SiInterface.dll has them, in two dialects (Neusoft and Chongqing; reference/domain.md 2.1, 2.2).
 * Everything that takes effect goes into a ledger file, one line each, flushed to the disk before the function returns: tests count there, and nowhere else.
 * A control file makes the next call misbehave; it is read and removed at each call.
 *
 * Environment: SI_FOLDER holds ledger.txt and control.txt; SI_DIALECT is neusoft or chongqing.
 * Control: "<what> <when>", what = hang | crash | overrun | garbage | nonsense | unended, when = before | after (the effect).
 * Build: gcc -shared -fPIC -O1 -o libsi.so siinterface.c. The source is UTF-8; what it says is written in GBK bytes.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLY_BYTES 20480
#define FIELDS_MAX 64
#define TEXT_MAX 16384

/* GBK: 未找到门诊登记信息 · 未找到被冲正交易 · 流水号重复 · 未签到 */
static const char NOT_REGISTERED[] = "\xCE\xB4\xD5\xD2\xB5\xBD\xC3\xC5\xD5\xEF\xB5\xC7\xBC\xC7\xD0\xC5\xCF\xA2";
static const char NOT_FOUND[] = "\xCE\xB4\xD5\xD2\xB5\xBD\xB1\xBB\xB3\xE5\xD5\xFD\xBD\xBB\xD2\xD7";
static const char REPEATED[] = "\xC1\xF7\xCB\xAE\xBA\xC5\xD6\xD8\xB8\xB4";
static const char UNKNOWN[] = "\xCE\xB4\xD6\xAA\xBD\xBB\xD2\xD7";

static int initialised = 0;

static const char *folder(void) {
  const char *given = getenv("SI_FOLDER");
  return given != NULL ? given : ".";
}

static void path_of(char *path, size_t size, const char *name) { snprintf(path, size, "%s/%s", folder(), name); }

/* One line of the ledger, on the disk when it returns. */
static void book(const char *deed, const char *serial, const char *visit, const char *amount) {
  char path[512], line[1024];
  path_of(path, sizeof path, "ledger.txt");
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (file < 0) abort();
  int length = snprintf(line, sizeof line, "%s %s %s %s\n", deed, serial, visit, amount);
  if (write(file, line, (size_t)length) != length || fsync(file) != 0) abort();
  close(file);
}

/* How often a deed stands for a serial: settlements less what was undone of it. */
static int stands(const char *serial) {
  char path[512], deed[32], of[128], visit[128], amount[32];
  path_of(path, sizeof path, "ledger.txt");
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  int count = 0;
  while (fscanf(file, "%31s %127s %127s %31s", deed, of, visit, amount) == 4) {
    if (strcmp(of, serial) != 0) continue;
    if (strcmp(deed, "settle") == 0) count += 1;
    if (strcmp(deed, "undo") == 0) count -= 1;
  }
  fclose(file);
  return count;
}

/* The one settlement of a visit that stands: its serial and amount; 0: none, or more than one. */
static int standing_of(const char *visit, char *serial, char *amount) {
  char path[512], deed[32], of[128], whose[128], fen[32];
  int found = 0;
  path_of(path, sizeof path, "ledger.txt");
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  while (fscanf(file, "%31s %127s %127s %31s", deed, of, whose, fen) == 4) {
    if (strcmp(deed, "settle") != 0 || strcmp(whose, visit) != 0 || stands(of) <= 0) continue;
    if (found == 0 || strcmp(serial, of) != 0) found += 1;
    strcpy(serial, of);
    strcpy(amount, fen);
  }
  fclose(file);
  return found == 1;
}

static int lines(void) {
  char path[512];
  path_of(path, sizeof path, "ledger.txt");
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  int count = 0, c;
  while ((c = fgetc(file)) != EOF) count += c == '\n';
  fclose(file);
  return count;
}

/* What the next call is told to do, and removes it. */
static void control(char *what, char *when) {
  char path[512];
  what[0] = when[0] = '\0';
  path_of(path, sizeof path, "control.txt");
  FILE *file = fopen(path, "r");
  if (file == NULL) return;
  if (fscanf(file, "%15s %15s", what, when) != 2) what[0] = '\0';
  fclose(file);
  unlink(path);
}

static void misbehave(const char *what, char *out) {
  if (strcmp(what, "hang") == 0)
    for (;;) pause();
  if (strcmp(what, "crash") == 0) {
    signal(SIGSEGV, SIG_DFL);
    *(volatile int *)8 = 1;
  }
  if (strcmp(what, "overrun") == 0) memset(out, 'A', REPLY_BYTES + 64);
  if (strcmp(what, "unended") == 0) memset(out, 'A', REPLY_BYTES);
  if (strcmp(what, "garbage") == 0) strcpy(out, "\xFF\xFE\xFD\x80 not a text");
  if (strcmp(what, "nonsense") == 0) strcpy(out, "nothing that anybody agreed upon");
}

/* Cuts at a separator, in place; empty fields count. */
static int cut(char *text, char separator, char **fields) {
  int count = 0;
  fields[count++] = text;
  for (char *at = text; *at != '\0' && count < FIELDS_MAX; at++)
    if (*at == separator) {
      *at = '\0';
      fields[count++] = at + 1;
    }
  return count;
}

static int neusoft_fails(char *out, const char *serial, const char *why) {
  sprintf(out, "%s^-1^%s^", serial, why);
  return -1;
}

/* The amount to be settled is the visit's: MZ...-<fen>. Pooled 60 %, account 20 %, the rest in cash. */
static long amount_of(const char *visit) {
  const char *dash = strrchr(visit, '-');
  return dash == NULL ? 9250 : atol(dash + 1);
}

static int neusoft_settle(char *out, const char *serial, const char *visit, int effect) {
  long total = amount_of(visit), fund = total * 6 / 10, account = total * 2 / 10, cash = total - fund - account;
  char amount[32];
  if (strncmp(visit, "NONE", 4) == 0) return neusoft_fails(out, serial, NOT_REGISTERED);
  if (effect && stands(serial) > 0) return neusoft_fails(out, serial, REPEATED);
  snprintf(amount, sizeof amount, "%ld", total);
  if (effect) book("settle", serial, visit, amount);
  sprintf(out,
          "%s^1^%ld.%02ld|0.00|%ld.%02ld|%ld.%02ld|0.00|0.00|0.00|0.00|0.00|0.00|%ld.%02ld|0.00|%ld.%02ld|0.00|0.00|0.00|0.00|%ld.%02ld|%ld.%02ld|0.00|0.00|0.00|0.00|"
          "0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|^",
          serial, total / 100, total % 100, account / 100, account % 100, fund / 100, fund % 100, total / 100, total % 100, total / 100, total % 100, cash / 100,
          cash % 100, total / 100, total % 100);
  return 0;
}

static int neusoft(char *in, char *out) {
  char *head[FIELDS_MAX], *body[FIELDS_MAX];
  int heads = cut(in, '^', head);
  if (heads < 8) return neusoft_fails(out, "0", UNKNOWN);
  const char *code = head[0], *serial = head[4];
  cut(head[6], '|', body);
  if (strcmp(code, "9100") == 0) {
    sprintf(out, "%s^1^CYCLE-%ld|^", serial, (long)getpid());
    return 0;
  }
  if (strcmp(code, "2410") == 0) return neusoft_settle(out, serial, body[0], 1);
  if (strcmp(code, "2420") == 0) return neusoft_settle(out, serial, body[0], 0);
  if (strcmp(code, "2421") == 0) {
    if (stands(body[1]) <= 0) return neusoft_fails(out, serial, NOT_FOUND);
    book("undo", body[1], body[4], "0");
    sprintf(out, "%s^1^^", serial);
    return 0;
  }
  if (strcmp(code, "2430") == 0) {
    char of[128], amount[32];
    if (!standing_of(body[0], of, amount)) return neusoft_fails(out, serial, NOT_FOUND);
    book("undo", of, body[0], amount);
    sprintf(out, "%s^1^^", serial);
    return 0;
  }
  return neusoft_fails(out, serial, UNKNOWN);
}

static int chongqing(char *in, char *out) {
  char *field[FIELDS_MAX];
  int count = cut(in, '|', field);
  char serial[64], amount[32];
  if (strcmp(field[0], "05") == 0 && count >= 10) {
    if (strncmp(field[1], "NONE", 4) == 0) {
      sprintf(out, "-1|%s", NOT_REGISTERED);
      return 0;
    }
    snprintf(serial, sizeof serial, "%016d", 900000 + lines());
    long total = (long)(atof(field[7]) * 100 + 0.5), fund = total * 6 / 10, account = total * 2 / 10, cash = total - fund - account;
    snprintf(amount, sizeof amount, "%ld", total);
    book("settle", serial, field[1], amount);
    sprintf(out,
            "1|%s|%ld.%02ld|%ld.%02ld|0.00|%ld.%02ld|0.00|0.00|342.45|0.00|0.00|0.00|0.00|0.00|0.00|56.00|0.00|0.00|0.00|0.00|2026-11-20 09:22:01|0.00|%ld.%02ld|0.00|0.00|"
            "0.00|0.00|0.00|0.00|0.00|",
            serial, fund / 100, fund % 100, account / 100, account % 100, cash / 100, cash % 100, total / 100, total % 100);
    return 0;
  }
  if (strcmp(field[0], "99") == 0 && count >= 6) {
    char of[128];
    if (!standing_of(field[3], of, amount) || strcmp(of, field[1]) != 0) {
      sprintf(out, "-1|%s", NOT_FOUND);
      return 0;
    }
    long total = atol(amount), fund = total * 6 / 10, account = total * 2 / 10, cash = total - fund - account;
    book("undo", of, field[3], amount);
    sprintf(out, "1|%sR|%ld.%02ld|%ld.%02ld|0.00|%ld.%02ld|0.00|0.00|0.00|0.00|0.00|0.00||2026-11-20 10:22:01|0.00|0.00|0.00|0.00", of, fund / 100,
            fund % 100, account / 100, account % 100, cash / 100, cash % 100);
    return 0;
  }
  sprintf(out, "-1|%s", UNKNOWN);
  return 0;
}

int INIT(char *error) {
  char what[16], when[16], path[512];
  path_of(path, sizeof path, "refuse-init");
  control(what, when);
  if (access(path, F_OK) == 0) {
    strcpy(error, "INIT refused");
    return -1;
  }
  if (strcmp(when, "init") == 0) misbehave(what, error);
  else if (what[0] != '\0') {
    /* For the next call, not for this one. */
    path_of(path, sizeof path, "control.txt");
    FILE *file = fopen(path, "w");
    if (file != NULL) {
      fprintf(file, "%s %s\n", what, when);
      fclose(file);
    }
  }
  initialised = 1;
  book("init", "0", "0", "0");
  return 0;
}

int BUSINESS_HANDLE(char *in, char *out) {
  char what[16], when[16], request[TEXT_MAX];
  if (!initialised) return -9;
  control(what, when);
  snprintf(request, sizeof request, "%s", in);
  if (strcmp(when, "before") == 0) misbehave(what, out);
  const char *dialect = getenv("SI_DIALECT");
  /* What misbehaves before the effect has none. */
  if (strcmp(when, "before") == 0 && what[0] != '\0') return 0;
  int result = dialect != NULL && strcmp(dialect, "chongqing") == 0 ? chongqing(request, out) : neusoft(request, out);
  if (strcmp(when, "after") == 0) misbehave(what, out);
  return result;
}
