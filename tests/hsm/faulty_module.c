/* A PKCS#11 module that passes everything to a real one, and fails where a control file says so.
 *
 * FAULTY_REAL     path of the real module
 * FAULTY_CONTROL  file with one word: hang, crash, slow, lost-once, general, final-try; empty or absent: no fault
 * FAULTY_COUNT    file to which every C_Login of a user appends one octet
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong_t;

enum { GET_TOKEN_INFO = 6, LOGIN = 18, SIGN = 43, FUNCTIONS = 68 };
enum { SESSION_HANDLE_INVALID = 0xB3, GENERAL_ERROR = 0x05, USER_PIN_FINAL_TRY = 0x20000, FLAGS_OFFSET = 96 };

struct function_list {
    unsigned char version[2];
    void *functions[FUNCTIONS];
};

static struct function_list own;
static struct function_list *real;

static int fault_is(const char *fault)
{
    char word[32] = "";
    const char *path = getenv("FAULTY_CONTROL");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file)
        return 0;
    if (fscanf(file, "%31s", word) != 1)
        word[0] = '\0';
    fclose(file);
    return strcmp(word, fault) == 0;
}

static ulong_t faulty_sign(ulong_t session, void *data, ulong_t length, void *signature, ulong_t *size)
{
    if (fault_is("hang"))
        for (;;)
            pause();
    if (fault_is("crash"))
        *(volatile int *)0 = 1;
    if (fault_is("slow"))
        usleep(200000);
    if (fault_is("general"))
        return GENERAL_ERROR;
    if (fault_is("lost-once")) {
        if (truncate(getenv("FAULTY_CONTROL"), 0) != 0)
            return GENERAL_ERROR;
        return SESSION_HANDLE_INVALID;
    }
    return ((ulong_t (*)(ulong_t, void *, ulong_t, void *, ulong_t *))real->functions[SIGN])(
        session, data, length, signature, size);
}

static ulong_t faulty_login(ulong_t session, ulong_t user, void *pin, ulong_t length)
{
    const char *path = getenv("FAULTY_COUNT");
    int file = path && user == 1 ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (file >= 0) {
        if (write(file, "L", 1) != 1)
            return GENERAL_ERROR;
        close(file);
    }
    return ((ulong_t (*)(ulong_t, ulong_t, void *, ulong_t))real->functions[LOGIN])(session, user, pin, length);
}

static ulong_t faulty_token_info(ulong_t slot, unsigned char *info)
{
    ulong_t result = ((ulong_t (*)(ulong_t, void *))real->functions[GET_TOKEN_INFO])(slot, info);
    if (result == 0 && fault_is("final-try"))
        *(ulong_t *)(info + FLAGS_OFFSET) |= USER_PIN_FINAL_TRY;
    return result;
}

ulong_t C_GetFunctionList(struct function_list **list)
{
    void *module = dlopen(getenv("FAULTY_REAL"), RTLD_NOW | RTLD_LOCAL);
    ulong_t (*get)(struct function_list **) = module ? dlsym(module, "C_GetFunctionList") : NULL;
    if (!get || get(&real) != 0)
        return GENERAL_ERROR;
    own = *real;
    own.functions[SIGN] = (void *)faulty_sign;
    own.functions[LOGIN] = (void *)faulty_login;
    own.functions[GET_TOKEN_INFO] = (void *)faulty_token_info;
    *list = &own;
    return 0;
}
